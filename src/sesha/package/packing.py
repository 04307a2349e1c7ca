"""Packs an object without being told what it needs."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sesha.package import datafiles, distributions, selftest, trial
from sesha.package.actions import Action
from sesha.package.errors import SelfTestError
from sesha.package.exporter import PackageExporter, default_name
from sesha.package.files import path_below
from sesha.package.importers import sys_importer
from sesha.package.progress import watched
from sesha.package.tracing import SeenImport, observe

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from sesha.package.manifest import Manifest
    from sesha.package.patterns import GlobPattern

__all__ = ["ENTRY_POINT", "OBJECTS", "pack"]

# The folder of what `pack` saves; no package of anybody's is called that.
OBJECTS = "sesha_objects"
ENTRY_POINT = "default"
_NO_INPUTS = object()
# Functions of these go in by value, with the pickle.
_BY_VALUE: frozenset[str] = frozenset({"__main__", "__mp_main__"})


def pack(  # noqa: PLR0913 - each is a decision of its own, with a default
    obj: Any,
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    version: str = "0",
    example_inputs: Any = _NO_INPUTS,
    method: str = "",
    tolerance: str = "0",
    vendor: Iterable[str] = (),
    intern: GlobPattern = (),
    extern: GlobPattern = (),
    mock: GlobPattern = (),
    data: GlobPattern = (),
    self_test: bool = True,
    timeout: float | None = 600,
) -> Manifest:
    """Writes a package with an object and all code that it needs.

    What it needs is found in its pickle, in the imports of the sources, and by calling it on the
    example inputs and seeing what is imported. The user's own code goes in; installed
    distributions stay outside, locked to their version. Then the package is loaded in a fresh
    interpreter that can't see the source tree, called on the example inputs, and the outputs are
    compared. Only then does the file appear at its place.

    Args:
        obj: A model, function or other object. It is saved before it is called.
        path: Where the package goes.
        name: Name of the package; by default that of the file.
        version: Its version.
        example_inputs: A tuple of arguments, a dict of keyword arguments, or the only argument.
            Inputs and outputs stay in the package as its self-test.
        method: What is called, if not the object itself (``predict`` if that can't be called).
        tolerance: How far the outputs may be apart, relative and absolute; ``"0"``: not at all.
        vendor: Installed pure-Python distributions whose code is to go in too.
        intern: Globs of modules that are to go in, but for those that `extern` or `mock` match.
        extern: Globs of modules that are to stay outside.
        mock: Globs of modules that stand-ins are to take the place of.
        data: Globs of files beside the packaged modules that are to go in, as paths in the package:
            ``"shop/lists/*.txt"``. Code finds them with `importlib.resources`,
            `pkgutil.get_data`, and ``open`` beside its ``__file__``.
        self_test: Whether the package is tried before it appears.
        timeout: Seconds that the trial may take; None for no limit.

    Returns:
        The manifest as written.

    Raises:
        PackagingError: Code can't be packaged; names all of it, why, and what to add.
        EmptyMatchError: A glob of data matches no file.
        PickleError: The object can't be pickled.
        SelfTestError: The package gives other outputs than the object, or does not run.
        OSError: It can't be written.
        Exception: What the object raises when it is called.
    """
    target = Path(path)
    staged = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    has_example = example_inputs is not _NO_INPUTS
    try:
        with (
            watched(f"packing {target.name}") as progress,
            PackageExporter(
                staged, name=name or default_name(target), version=version, progress=progress
            ) as exporter,
        ):
            # What reports of problems tell to add must count.
            exporter.extern(extern)
            exporter.mock(mock)
            exporter.intern(intern)
            exporter.include_data(data)
            for distribution in vendor:
                exporter.vendor(distribution)
            exporter.save_pickle(OBJECTS, f"{ENTRY_POINT}.pkl", obj)
            exporter.add_entry_point(ENTRY_POINT, OBJECTS, f"{ENTRY_POINT}.pkl")
            # Before the call: what is broken should not cost a run.
            exporter.check()
            if has_example:
                example = selftest.Call.of(obj, example_inputs, method)
                _save_example(exporter, obj, example, tolerance)
            manifest = exporter.close()
        if has_example and self_test:
            _try(exporter, manifest, target, staged, timeout)
        staged.replace(target)
    finally:
        staged.unlink(missing_ok=True)
    return manifest


def _save_example(
    exporter: PackageExporter, obj: Any, example: selftest.Call, tolerance: str
) -> None:
    # The call may change its inputs.
    exporter.save_pickle(OBJECTS, "self_test_inputs.pkl", example)
    with observe() as seen:
        outputs = selftest.call(obj, example)
    exporter.save_pickle(OBJECTS, "self_test_outputs.pkl", outputs)
    exporter.set_self_test(
        ENTRY_POINT, OBJECTS, "self_test_inputs.pkl", "self_test_outputs.pkl", tolerance
    )
    _add_seen(exporter, seen)


def _try(
    exporter: PackageExporter, manifest: Manifest, target: Path, staged: Path, timeout: float | None
) -> None:
    try:
        trial.run_alone(staged, hidden=_own_modules(exporter), timeout=timeout)
    except SelfTestError as error:
        # Of the file that was tried nothing is left; it would have been the target.
        lines = [str(error).replace(str(staged), str(target))]
        if error.missing is not None:
            lines += _advice(error.missing, exporter, manifest, staged)
        failed = SelfTestError("\n".join(lines))
        failed.missing = error.missing
        raise failed from None


_READ_IT = (
    "read it with open(path) or importlib.resources.files(__package__): at a path in a package the "
    "system finds no file (where one is needed, importlib.resources.as_file makes one)"
)


def _advice(
    missing: OSError, exporter: PackageExporter, manifest: Manifest, staged: Path
) -> Iterator[str]:
    """What to do about a file that the trial did not find, as far as that is known."""
    path = str(missing.filename)
    member = path_below(str(staged.absolute()), path)
    if member is None:
        if not Path(path).is_absolute() and Path(path).is_file():
            yield (
                f"{path} was looked for in the working directory, which is another one where the "
                "package runs; to go on, keep it beside your code, open it beside __file__, and "
                f"add: data=[{path!r}] (sesha pack --data {shlex.quote(path)})"
            )
    elif any(each.name == member for each in manifest.members):
        yield f"{member} is in the package; to go on, {_READ_IT}"
    elif datafiles.beside(exporter.located_modules(), member) is not None:
        if isinstance(missing, NotADirectoryError):
            yield f"{member} was opened by its path; {_READ_IT}"
        yield (
            f"{member} lies beside your code and is not in the package; to go on, add: "
            f"data=[{member!r}] (sesha pack --data {shlex.quote(member)})"
        )


def _add_seen(exporter: PackageExporter, seen: Iterable[SeenImport]) -> None:
    """Adds what packaged code imported while it ran, however it came by the name."""
    graph = exporter.dependency_graph
    pickle = f"<{OBJECTS}.{ENTRY_POINT}.pkl>"
    waiting = list(seen)
    added = True
    while added:
        added = False
        for each in list(waiting):
            node = graph.nodes.get(each.importer)
            if node is not None and node.action is Action.INTERN:
                exporter.add_seen_import(each.importer, each.module, each.members)
            elif each.importer in _BY_VALUE:
                exporter.add_seen_import(pickle, each.module, each.members)
            else:
                continue
            waiting.remove(each)
            added = True


def _own_modules(exporter: PackageExporter) -> set[str]:
    """Top-level names of the source tree: what went in and belongs to no distribution."""
    names: set[str] = set()
    for name in exporter.interned_modules():
        located = sys_importer.locate(name)
        if located is not None and distributions.owner(name, located.origin) is None:
            names.add(name.partition(".")[0])
    return names
