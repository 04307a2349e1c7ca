"""Finds the extension modules of the environment, without importing anything."""

import dataclasses
import importlib.machinery
import os
import platform
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

from sesha.cli.checks import elf
from sesha.cli.checks.finding import Finding, Status

STANDARD_LIBRARY = "(standard library)"

_MACHINES = {"x86_64": elf.Machine.X86_64, "aarch64": elf.Machine.AARCH64}


@dataclasses.dataclass(frozen=True, slots=True)
class Extension:
    """An extension module on disk.

    Attributes:
        module: Its dotted name, as `import` takes it.
        package: Its top-level package or module, or `STANDARD_LIBRARY`.
        path: The file.
    """

    module: str
    package: str
    path: Path


def folders() -> list[Path]:
    """The environment's folders of installed packages, and of the standard library's extensions."""
    installed = [sysconfig.get_path("platlib"), sysconfig.get_path("purelib")]
    return [Path(folder) for folder in dict.fromkeys([*installed, *_dynamic_folders()])]


def _dynamic_folders() -> list[str]:
    return [folder for folder in sys.path if Path(folder).name == "lib-dynload"]


def extensions(places: Iterable[Path]) -> Iterator[Extension | Finding]:
    """Yields each extension module below `places`, or a finding where a file can't be one.

    A file counts as an extension module when its suffix is one that this Python imports and it
    exports the module's init function; any other shared object is a library that comes along with
    some extension, and is tried with it. Folders that aren't importable names are passed over.

    Args:
        places: Folders of `sys.path`. One that doesn't exist holds nothing.
    """
    for place in places:
        standard = place.name == "lib-dynload"
        for folder, children, files in os.walk(place):
            children[:] = sorted(child for child in children if child.isidentifier())
            for file in sorted(files):
                stem, _, suffix = file.partition(".")
                if not suffix.endswith("so") or not stem.isidentifier():
                    continue
                path = Path(folder, file)
                parts = [*Path(folder).relative_to(place).parts, stem]
                module = ".".join(parts[:-1] if stem == "__init__" else parts)
                package = STANDARD_LIBRARY if standard else parts[0]
                found = _judge(Extension(module, package, path), f".{suffix}")
                if found is not None:
                    yield found


def batches(extensions: Iterable[Extension]) -> list[list[Extension]]:
    """Groups modules by package, the largest group first, each with the package itself in front.

    Some modules can only be imported by their package, which gives them another name (`cv2.cv2`):
    the package has to be tried too.
    """
    by_package: dict[str, list[Extension]] = {}
    for extension in extensions:
        batch = by_package.setdefault(extension.package, [])
        if not batch and extension.package not in (STANDARD_LIBRARY, extension.module):
            batch.append(Extension(extension.package, extension.package, extension.path))
        batch.append(extension)
    return sorted(by_package.values(), key=len, reverse=True)


def _judge(extension: Extension, suffix: str) -> Extension | Finding | None:
    if suffix not in importlib.machinery.EXTENSION_SUFFIXES:
        if not suffix.startswith(".cpython-"):
            return None
        # Some wheels bring a build for each of several Pythons; that is no fault if ours is there.
        stem = extension.path.name.partition(".")[0]
        ours = importlib.machinery.EXTENSION_SUFFIXES
        if any(extension.path.with_name(stem + own).exists() for own in ours):
            return None
        return Finding(
            extension.module,
            Status.WARNING,
            f"{extension.path.name} is built for another Python",
            f"reinstall {extension.package} with this Python's pip",
            extension.package,
        )
    try:
        facts = elf.read(extension.path)
    except (elf.ElfError, OSError) as error:
        return Finding(
            extension.module,
            Status.FAILED,
            str(error),
            f"reinstall {extension.package}: the file is damaged or not for this machine",
            extension.package,
        )
    if facts.machine != _MACHINES.get(platform.machine(), facts.machine):
        return Finding(
            extension.module,
            Status.FAILED,
            f"{extension.path.name} is built for another processor (e_machine {facts.machine})",
            f"reinstall {extension.package} on this machine",
            extension.package,
        )
    name = extension.module.rpartition(".")[2]
    return extension if facts.mentions(f"PyInit_{name}") else None
