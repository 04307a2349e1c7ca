"""Unpacks a package to a folder, and packs a folder, edited or not, to a package again."""

import dataclasses
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import TYPE_CHECKING

from sesha.package.container import Container
from sesha.package.datafiles import kind_of
from sesha.package.errors import ManifestError, MemberKindError, NotAPackageError
from sesha.package.manifest import MAX_BYTES, Manifest, Module, Resource
from sesha.package.names import MANIFEST, RESERVED, check_all
from sesha.package.writer import PAGE, ContainerWriter

if TYPE_CHECKING:
    from sesha.package.container import Source

__all__ = ["extract", "repack"]

_CHUNK = 4 << 20
_IDENTIFIER = re.compile(r"[^\W\d]\w*")
# Editors' and Python's own files, which nobody means to pack.
_IGNORED = ("__pycache__",)
_IGNORED_SUFFIXES = (".pyc", "~", ".swp")


def extract(
    source: "Source",
    folder: str | os.PathLike[str],
    *,
    progress: Callable[[int], None] | None = None,
) -> Manifest:
    """Writes a package's members as files; the folder is a package as well, and opens as one.

    The digests of all members are checked on the way. The folder appears whole or not at all.

    Args:
        source: The package.
        folder: Where to; it must not exist, or be empty.
        progress: Called with the number of bytes just written.

    Raises:
        FileExistsError: There is something at `folder`.
        FormatError: The package is damaged; nothing is left at `folder`.
        OSError: It can't be read, or the folder not be written.
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} is there already; extract to a folder that is not")
    staged = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}.", dir=target.absolute().parent))
    try:
        with Container.open(source) as container:
            container.verify()
            for name in container.sizes:
                _write(container, name, staged / name, progress)
            manifest = container.manifest
        # As an ordinary new folder: mkdtemp's is its owner's alone.
        staged.chmod(0o755)
        staged.rename(target)
    except BaseException:
        shutil.rmtree(staged, ignore_errors=True)
        raise
    return manifest


def _write(
    container: Container, name: str, path: Path, progress: Callable[[int], None] | None
) -> None:
    # The container has checked that no name leads out of the folder or over another.
    path.parent.mkdir(parents=True, exist_ok=True)
    if name in RESERVED:
        path.write_bytes(
            container.manifest_bytes if name == MANIFEST else container.signature or b""
        )
        return
    memory = container.map(name).toreadonly()
    with path.open("xb") as file:
        for start in range(0, memory.nbytes, _CHUNK):
            written = file.write(memory[start : start + _CHUNK])
            if progress is not None:
                progress(written)


def repack(
    folder: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    version: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Manifest:
    """Packs the files of an unpacked package, with whatever was edited, added or taken away.

    The manifest is the old one with the list of members made anew: an added ``.py`` file is a
    module, any other added file a resource; what names a file that is gone is left out. A
    signature is not taken over: it was of what is no longer there.

    Args:
        folder: What `extract` wrote.
        path: Where the package goes.
        version: The new version; by default the old one.
        progress: Called with the number of bytes just written.

    Raises:
        NotAPackageError: The folder has no manifest.
        ManifestError: The manifest was edited and is none any more.
        MemberNameError: An added file has a name that no member may have.
        MemberKindError: There is a link or a special file.
        OSError: It can't be read, or the package not be written.
    """
    root = Path(folder)
    manifest = _manifest(root)
    files = dict(_files(root))
    check_all(files)
    order = [member.name for member in manifest.members if member.name in files]
    order += sorted(files.keys() - set(order))
    with ContainerWriter(path, progress=progress) as writer:
        for name in order:
            align = PAGE if name.endswith(".safetensors") else 1
            with files[name].open("rb") as file:
                writer.add(name, file, align=align)
        return writer.finish(_updated(manifest, files.keys(), version))


def _manifest(root: Path) -> Manifest:
    try:
        with (root / MANIFEST).open("rb") as file:
            document = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotAPackageError(f"{root} is no unpacked package: it has no {MANIFEST}") from None
    return Manifest.from_json(document)


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(each for each in folders if each not in _IGNORED)
        for name in [*files, *(each for each in folders if Path(folder, each).is_symlink())]:
            path = Path(folder, name)
            member = path.relative_to(root).as_posix()
            if member in RESERVED or name.endswith(_IGNORED_SUFFIXES):
                continue
            if path.is_symlink() or not path.is_file():
                raise MemberKindError(
                    f"{member} is a link or a special file; a package has regular files only"
                )
            yield member, path


def _updated(manifest: Manifest, present: AbstractSet[str], version: str | None) -> Manifest:
    known = {module.member for module in manifest.modules}
    known |= {resource.member for resource in manifest.resources}
    known |= {member.name for member in manifest.members}
    modules = [module for module in manifest.modules if module.member in present]
    resources = [each for each in manifest.resources if each.member in present]
    for name in sorted(present - known):
        module = _module(name)
        if module is not None:
            modules.append(module)
        elif not name.endswith(".safetensors"):
            resources.append(Resource(name, kind_of(name)))
    test = manifest.self_test
    if test is not None and not {test.inputs, test.outputs} <= present:
        test = None
    points = []
    for point in manifest.entry_points:
        where = f"{point.package.replace('.', '/')}/" if point.package else ""
        if where + point.resource not in present:
            raise ManifestError(
                "$.entry_points",
                f"the file of {point.name!r}, {where + point.resource}, is gone; take the entry "
                f"point out of {MANIFEST} too",
            )
        points.append(point)
    return dataclasses.replace(
        manifest,
        version=manifest.version if version is None else version,
        entry_points=tuple(points),
        modules=tuple(modules),
        resources=tuple(resources),
        self_test=test,
        members=(),
    )


def _module(member: str) -> Module | None:
    """The module that an added source is; None if its path is no module's name."""
    path = Path(member)
    if path.suffix != ".py":
        return None
    parts = [*path.parent.parts, path.stem]
    is_package = parts[-1] == "__init__"
    if is_package:
        parts.pop()
    if not parts or not all(map(_IDENTIFIER.fullmatch, parts)):
        return None
    return Module(".".join(parts), member, is_package)
