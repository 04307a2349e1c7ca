"""Turns archives of torch.package (2.x) into packages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sesha.package import mocks
from sesha.package.errors import PackageError, PickleError
from sesha.package.exporter import PackageExporter
from sesha.package.importer import PackageImporter
from sesha.package.importers import sys_importer
from sesha.package.opcodes import scan_opcodes
from sesha.package.torch_archive import declared_externs

if TYPE_CHECKING:
    import os

    from sesha.package.manifest import Manifest

__all__ = ["convert"]

# torch.fx writes these modules anew for each graph that is saved.
_GENERATED = "fx-generated"


def convert(
    old: str | os.PathLike[str],
    new: str | os.PathLike[str],
    *,
    name: str | None = None,
    version: str = "0",
) -> Manifest:
    """Reads an archive of torch.package and writes what is in it as a package.

    All its modules go in, its externs stay extern and are locked to what is installed here, each
    pickle is loaded and saved anew under the same name, other members are taken over as they are.
    If it has one pickle, that becomes the entry point ``default``.

    Args:
        old: The archive, or the folder that it was unpacked to.
        new: Where the package goes.
        name: Name of the package; by default that of the file.
        version: Its version.

    Returns:
        The manifest as written.

    Raises:
        PackageError: `old` is a package of sesha already.
        PickleError: An object can't be pickled again.
        FormatError: `old` is no archive, or a damaged one.
        OSError: It can't be read, or the package can't be written.
        Exception: What the archive's own code raises while its objects are loaded.
    """
    with PackageImporter(old, check="none") as importer:
        if importer.manifest is not None:
            raise PackageError(f"{old} is a package of sesha already")
        # Strict: what the archive leaves out must not come in from this environment.
        with PackageExporter(
            new, importer=(importer, sys_importer), strict=True, name=name, version=version
        ) as exporter:
            exporter.extern([f"{each}.**" for each in importer.extern_modules])
            for each in declared_externs(importer.read_member):
                exporter.add_dependency(each)
            _save_modules(importer, exporter)
            pickles = [
                _save_pickle(importer, exporter, member)
                for member in _members(importer)
                if not _save_resource(importer, exporter, member)
            ]
            if len(pickles) == 1:
                exporter.add_entry_point("default", *pickles[0])
            return exporter.close()


def _save_modules(importer: PackageImporter, exporter: PackageExporter) -> None:
    for name, entry in importer.table.items():
        generated = name.partition(".")[0] == _GENERATED
        if entry.member is None or generated or name == mocks.IMPLEMENTATION_MODULE:
            continue
        source = importer.get_source(name) or ""
        exporter.save_source_string(name, source, entry.is_package, dependencies=False)
        if "from _mock import" in source:
            exporter.add_dependency(mocks.IMPLEMENTATION_MODULE)


def _members(importer: PackageImporter) -> list[str]:
    sources = {entry.member for entry in importer.table.values()}
    return [
        member
        for member in sorted(importer.names())
        if member not in sources and not member.startswith(".data/") and "/" in member
    ]


def _save_resource(importer: PackageImporter, exporter: PackageExporter, member: str) -> bool:
    """Takes a member over as it is; False if it is a pickle."""
    data = importer.read_member(member)
    if _is_pickle(data):
        return False
    package, resource = _place(member)
    exporter.save_binary(package, resource, data)
    return True


def _is_pickle(data: bytes) -> bool:
    if data[:1] != b"\x80":
        return False
    try:
        scan = scan_opcodes(data)
    except PickleError:
        return False
    return not scan.computed and not scan.trailing


def _save_pickle(
    importer: PackageImporter, exporter: PackageExporter, member: str
) -> tuple[str, str]:
    package, resource = _place(member)
    obj: Any = importer.load_member(member)
    exporter.save_pickle(package, resource, obj)
    return package, resource


def _place(member: str) -> tuple[str, str]:
    path = Path(member)
    return ".".join(path.parent.parts), path.name
