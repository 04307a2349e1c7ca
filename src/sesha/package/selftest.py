"""Runs a package's example and compares what comes out with what came out when it was packed.

`run` does it in this interpreter, `run_alone` in a fresh one that can't see the source tree that
the package was written from.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import subprocess
import sys
import sysconfig
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sesha.package.comparing import differences
from sesha.package.errors import PackageError, SelfTestError
from sesha.package.importer import PackageImporter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import ModuleType

__all__ = ["Call", "call", "child", "run", "run_alone"]

# Exit code of the fresh interpreter if its stderr ends with an error that says it all.
_TOLD = 3


@dataclass(frozen=True)
class Call:
    """An example call.

    Attributes:
        method: Name of the method; empty to call the object itself.
        args: Positional arguments.
        kwargs: Keyword arguments.
    """

    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    @classmethod
    def of(cls, obj: Any, example_inputs: Any, method: str = "") -> Call:
        """The call that example inputs mean: a tuple its arguments, a dict its keyword arguments,
        anything else its only argument.

        Raises:
            TypeError: The object can't be called and no method is named.
        """  # noqa: D205 - one sentence
        if not method and not callable(obj):
            if not callable(getattr(obj, "predict", None)):
                raise TypeError(
                    f"a {type(obj).__qualname__} can't be called; name the method that is to be: "
                    'method="predict"'
                )
            method = "predict"
        if isinstance(example_inputs, tuple):
            return cls(method, example_inputs, {})
        if isinstance(example_inputs, dict):
            return cls(method, (), dict(example_inputs))
        return cls(method, (example_inputs,), {})

    def __reduce__(self) -> tuple[Any, ...]:
        # As plain values: a package must not need sesha's classes to be read.
        return tuple, ((self.method, self.args, self.kwargs),)


def call(obj: Any, example: Call) -> Any:
    """Makes an example call with seeded random numbers and without gradients."""
    target: Callable[..., Any] = getattr(obj, example.method) if example.method else obj
    with _seeded(), _no_grad():
        return target(*example.args, **example.kwargs)


def run(importer: PackageImporter) -> bool:
    """Runs an opened package's self-test.

    Returns:
        False if the package has none.

    Raises:
        SelfTestError: Its output is another; names the first differences.
        Exception: What the packaged code raises.
    """
    test = importer.manifest.self_test if importer.manifest else None
    if test is None:
        return False
    example = Call(*importer.load_member(test.inputs))
    expected = importer.load_member(test.outputs)
    actual = call(importer.load(test.entry_point), example)
    found = differences(expected, actual, float(test.tolerance))
    if found:
        lines = "\n".join(f"  {line}" for line in found)
        raise SelfTestError(
            f"the self-test of {importer.label} gives another output than when it was packed:\n"
            f"{lines}\nIf that is the model's nature, pack it with a tolerance."
        )
    return True


def run_alone(
    path: str | os.PathLike[str],
    *,
    file: io.FileIO | None = None,
    hidden: Iterable[str] = (),
    timeout: float | None = None,
) -> None:
    """Runs a package's self-test in a fresh interpreter, on as many threads as torch has here.

    Args:
        path: The package.
        file: The package, open already: the interpreter reads that very file, whatever its path
            leads to by then.
        hidden: Top-level modules that the interpreter must not be able to import, other than from
            the package: the source tree that it was written from.
        timeout: Seconds after which it is given up.

    Raises:
        SelfTestError: It fails; the text has the traceback of the interpreter.
    """
    names = sorted(set(hidden))
    request = {
        "package": str(Path(path).absolute()),
        "hidden": names,
        "path": _visible_path(names),
        "descriptor": None if file is None else file.fileno(),
    }
    code = (
        "import json, sys; request = json.load(sys.stdin); sys.path[:] = request['path']; "
        "from sesha.package.selftest import child; sys.exit(child(request))"
    )
    with tempfile.TemporaryDirectory(prefix="sesha-") as folder:
        report = Path(folder, "missing")
        request["report"] = str(report)
        try:
            ended = subprocess.run(
                [sys.executable, "-I", "-X", "faulthandler", "-c", code],
                input=json.dumps(request),
                capture_output=True,
                text=True,
                cwd=folder,
                env=_environment(),
                pass_fds=() if file is None else (file.fileno(),),
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise SelfTestError(
                f"the self-test of {path} did not end within {timeout:g} s"
            ) from None
        missing = OSError(*json.loads(report.read_text())) if report.exists() else None
    told = ended.stderr.strip()
    if ended.returncode == _TOLD:
        raise SelfTestError(told)
    if ended.returncode != 0:
        where = "a fresh interpreter" + (" that can't see the source tree" if names else "")
        failed = SelfTestError(
            f"the self-test of {path} failed in {where}:\n"
            f"{told or f'it ended with code {ended.returncode}'}"
        )
        failed.missing = missing
        raise failed


def child(request: dict[str, Any]) -> int:
    """What the fresh interpreter does; gives its exit code, and tells why on stderr."""
    sys.meta_path.insert(0, _Hidden(frozenset(request["hidden"])))
    try:
        with PackageImporter(_source(request)) as importer:
            try:
                run(importer)
            except SelfTestError:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
                # While the package is open, or its source lines would be missing.
                _tell(error, Path(request["report"]))
                return 1
    except (PackageError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return _TOLD
    return 0


def _tell(error: BaseException, report: Path) -> None:
    steps = error.__traceback__
    # From what was called on: how it was called is of no interest.
    while steps is not None and steps.tb_next and steps.tb_frame.f_code.co_filename == __file__:
        steps = steps.tb_next
    traceback.print_exception(type(error), error, steps)
    missing = _missing_file(error)
    if missing is not None:
        path = os.fsdecode(missing.filename)
        report.write_text(json.dumps([missing.errno, missing.strerror, path]))


def _missing_file(error: BaseException | None) -> OSError | None:
    """The error of a file that was not found: this one, or one that led to it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        # Beside a module of a package, whose path leads into a file, it is the latter.
        if isinstance(error, FileNotFoundError | NotADirectoryError) and isinstance(
            error.filename, str | bytes
        ):
            return error
        error = error.__cause__ or error.__context__
    return None


def _source(request: dict[str, Any]) -> str | io.FileIO:
    if request["descriptor"] is None:
        return str(request["package"])
    file = io.FileIO(request["descriptor"])
    file.name = request["package"]
    return file


class _Hidden:
    """Stands before all finders and finds nothing: what it hides is not there."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        """See `importlib.abc.MetaPathFinder`."""
        del path, target
        if fullname.partition(".")[0] in self._names:
            raise ModuleNotFoundError(
                f"No module named {fullname!r}: it is part of the source tree, which is hidden",
                name=fullname,
            )


def _environment() -> dict[str, str]:
    # Sums are rounded in another way on another number of threads.
    torch = sys.modules.get("torch")
    threads = {"OMP_NUM_THREADS": str(torch.get_num_threads())} if torch else {}
    return {**os.environ, **threads}


def _visible_path(hidden: list[str]) -> list[str]:
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    here = str(Path.cwd())
    visible = []
    for entry in sys.path:
        folder = Path(entry or here)
        holds_source = any(
            (folder / name).exists() or (folder / f"{name}.py").exists() for name in hidden
        )
        if str(folder) in installed or not (holds_source or entry == ""):
            visible.append(str(folder))
    return visible


@contextlib.contextmanager
def _seeded() -> Iterator[None]:
    """Random numbers that are the same in every run; gives the generators their state back."""
    state = random.getstate()
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    numpy_state = numpy.random.get_state() if numpy else None
    torch_state = torch.get_rng_state() if torch else None
    random.seed(0)
    if numpy:
        numpy.random.seed(0)
    if torch:
        torch.manual_seed(0)
    try:
        yield
    finally:
        random.setstate(state)
        if numpy:
            numpy.random.set_state(numpy_state)
        if torch:
            torch.set_rng_state(torch_state)


def _no_grad() -> contextlib.AbstractContextManager[Any]:
    torch: ModuleType | None = sys.modules.get("torch")
    return torch.no_grad() if torch is not None else contextlib.nullcontext()
