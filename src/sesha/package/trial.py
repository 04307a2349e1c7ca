"""Tries a package in a fresh interpreter, which can't see the source tree that it was written from.

The interpreter is a process of its own. What it has to say comes back in a report, a file of its
working directory, or as a traceback on its stderr.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sesha.package import selftest
from sesha.package.errors import PackageError, SelfTestError
from sesha.package.importer import PackageImporter

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["child", "run_alone"]


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
        "from sesha.package.trial import child; sys.exit(child(request))"
    )
    with tempfile.TemporaryDirectory(prefix="sesha-") as folder:
        place = str(Path(folder, "report"))
        request["report"] = place
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
        report = _read_report(place)
    if report.error:
        raise SelfTestError(report.error)
    if ended.returncode != 0:
        where = "a fresh interpreter" + (" that can't see the source tree" if names else "")
        failed = SelfTestError(
            f"the self-test of {path} failed in {where}:\n"
            f"{ended.stderr.strip() or f'it ended with code {ended.returncode}'}"
        )
        failed.missing = OSError(*report.missing) if report.missing else None
        raise failed


class _Report(NamedTuple):
    """What the fresh interpreter has to say besides its stderr.

    Attributes:
        error: An error that says it all without a traceback.
        missing: Number, text and path of the system's error for a file that was not found.
    """

    error: str = ""
    missing: Sequence[Any] = ()

    def write(self, path: str) -> None:
        Path(path).write_text(json.dumps(self._asdict()), encoding="utf-8")


def _read_report(path: str) -> _Report:
    try:
        return _Report(**json.loads(Path(path).read_text(encoding="utf-8")))
    except FileNotFoundError:
        return _Report()


def child(request: dict[str, Any]) -> int:
    """What the fresh interpreter does; gives its exit code."""
    sys.meta_path.insert(0, _Hidden(frozenset(request["hidden"])))
    try:
        with PackageImporter(_source(request)) as importer:
            try:
                selftest.run(importer)
            except SelfTestError:
                raise
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
                # While the package is open, or its source lines would be missing.
                _tell(error, request["report"])
                return 1
    except (PackageError, OSError) as error:
        _Report(error=str(error)).write(request["report"])
        return 1
    return 0


def _tell(error: BaseException, report: str) -> None:
    steps = error.__traceback__
    # From what was called on: how it was called is of no interest.
    ours = {__file__, selftest.__file__}
    while steps is not None and steps.tb_next and steps.tb_frame.f_code.co_filename in ours:
        steps = steps.tb_next
    traceback.print_exception(type(error), error, steps)
    missing = _missing_file(error)
    if missing is not None:
        path = os.fsdecode(missing.filename)
        _Report(missing=(missing.errno, missing.strerror, path)).write(report)


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
