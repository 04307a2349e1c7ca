"""Which installed distribution a module belongs to, and whether the right ones are installed.

A distribution owns the files that its RECORD lists (PEP 376, PEP 627). An editable installation
lists only the hook that leads to a source tree: modules of that tree belong to no distribution,
they are the user's own code.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sesha.package.errors import DependencyError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "Distribution",
    "Mismatch",
    "check",
    "find",
    "is_standard_library",
    "mismatches",
    "owner",
    "record_digest",
    "report",
]

# Made by the installer, not part of what was published: they differ from machine to machine.
_LOCAL = re.compile(r"(\.\./.*|[^/]+\.(dist|egg)-info/.*|.*\.pyc)")


@dataclass(frozen=True)
class Distribution:
    """An installed distribution, as a package locks it.

    Attributes:
        name: Name as its metadata spell it.
        version: Version as its metadata spell it.
        record: sha256 over what its RECORD lists (see `record_digest`), None if it has none.
    """

    name: str
    version: str
    record: str | None


@dataclass(frozen=True)
class Mismatch:
    """One distribution that is not here as the package wants it.

    Attributes:
        wanted: What the package was written with.
        found: What is installed here, None if nothing is.
    """

    wanted: Distribution
    found: Distribution | None

    def __str__(self) -> str:
        name, version = self.wanted.name, self.wanted.version
        if self.found is None:
            return f"{name} {version} is not installed"
        if _public(self.found.version) != _public(version):
            return f"{name} {version} is needed, {self.found.version} is installed"
        return f"{name} {version} is installed, but its files are not those of the package's lock"


def is_standard_library(module: str) -> bool:
    """Whether a module comes with Python itself."""
    return module.partition(".")[0] in sys.stdlib_module_names


def owner(module: str, origin: str | None) -> Distribution | None:
    """The distribution that a module is installed by, None for code of nobody's distribution.

    Args:
        module: Absolute name of the module.
        origin: File that it is loaded from; None (a namespace package) belongs to whoever owns a
            file below it.
    """
    candidates = _by_top_level().get(module.partition(".")[0], ())
    for distribution in candidates:
        if _owns(distribution, module, origin):
            return _locked(distribution)
    return None


def find(name: str) -> Distribution | None:
    """The installed distribution of a name, None if there is none."""
    try:
        return _locked(importlib.metadata.distribution(name))
    except importlib.metadata.PackageNotFoundError:
        return None


def _unlocked(name: str) -> Distribution | None:
    try:
        return Distribution(name, importlib.metadata.version(name), None)
    except importlib.metadata.PackageNotFoundError:
        return None


def normalized(name: str) -> str:
    """A distribution's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def record_digest(record: str) -> str:
    """sha256 (hexadecimal) of the published part of a RECORD.

    The lines of files with a digest, sorted; not those that an installer adds or rewrites (metadata
    folder, scripts, byte code), so that one wheel gives one digest wherever it is installed.
    """
    lines = sorted(
        line
        for line in record.splitlines()
        if not _LOCAL.fullmatch(line.rsplit(",", 2)[0].strip('"')) and ",sha256=" in line
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def mismatches(wanted: Iterable[Distribution], *, exact: bool = False) -> list[Mismatch]:
    """What is missing here, or is here in another version.

    Args:
        wanted: Distributions that a package was written with.
        exact: Whether the installed files must be the same ones too. Wheels of one version differ
            between platforms and Python versions, so this is for equal machines.

    A version's local part is not compared (PEP 440 has `==2.5` match `2.5+cpu`): what was packed
    beside one build of torch runs beside the others.
    """
    found = []
    for distribution in wanted:
        # Without the digest: reading a large RECORD takes longer than loading most packages.
        here = find(distribution.name) if exact else _unlocked(distribution.name)
        if (
            here is None
            or _public(here.version) != _public(distribution.version)
            or (exact and distribution.record is not None and here.record != distribution.record)
        ):
            found.append(Mismatch(distribution, here))
    return found


def check(package: str, wanted: Iterable[Distribution], *, exact: bool = False) -> None:
    """Raises unless this environment has all of some distributions.

    Raises:
        DependencyError: At least one is missing or different; the text names all of them and the
            command that installs them.
    """
    lines = report(wanted, exact=exact)
    if lines:
        text = "\n".join(f"  {line}" for line in lines)
        raise DependencyError(
            f"{package} was written with other distributions than this environment has:\n{text}"
        )


def report(wanted: Iterable[Distribution], *, exact: bool = False) -> list[str]:
    """A line for each mismatch, and one with the command that mends them; or nothing."""
    found = mismatches(wanted, exact=exact)
    if not found:
        return []
    pins = " ".join(f'"{each.wanted.name}=={_public(each.wanted.version)}"' for each in found)
    return [*map(str, found), f"to install what it needs: pip install {pins}"]


def _public(version: str) -> str:
    return version.partition("+")[0]


def _locked(distribution: importlib.metadata.Distribution) -> Distribution:
    record = distribution.read_text("RECORD")
    return Distribution(
        distribution.metadata["Name"],
        distribution.version,
        record_digest(record) if record else None,
    )


def _owns(distribution: importlib.metadata.Distribution, module: str, origin: str | None) -> bool:
    root = Path(str(distribution.locate_file(""))).resolve()
    files = _files(distribution)
    if origin is None:
        folder = module.replace(".", "/") + "/"
        return any(file.startswith(folder) for file in files)
    try:
        relative = Path(origin).resolve().relative_to(root)
    except ValueError:
        return False
    return relative.as_posix() in files


@functools.lru_cache(maxsize=64)
def _files(distribution: importlib.metadata.Distribution) -> frozenset[str]:
    return frozenset(str(file) for file in distribution.files or ())


@functools.cache
def _by_top_level() -> dict[str, tuple[importlib.metadata.Distribution, ...]]:
    found: dict[str, list[importlib.metadata.Distribution]] = {}
    for distribution in importlib.metadata.distributions():
        if _is_editable(distribution):
            continue
        for name in _top_levels(distribution):
            found.setdefault(name, []).append(distribution)
    return {name: tuple(owners) for name, owners in found.items()}


def _top_levels(distribution: importlib.metadata.Distribution) -> set[str]:
    record = distribution.read_text("RECORD")
    if record is None:
        return {str(file).partition("/")[0].partition(".")[0] for file in distribution.files or ()}
    # A file of one segment is a module: `six.py`, `_cffi_backend.cpython-311-….so`.
    firsts = {line.partition(",")[0].strip('"').partition("/")[0] for line in record.splitlines()}
    return {first.partition(".")[0] for first in firsts if not first.endswith("-info")}


def _is_editable(distribution: importlib.metadata.Distribution) -> bool:
    text = distribution.read_text("direct_url.json")
    if text is None:
        return False
    try:
        return bool(json.loads(text).get("dir_info", {}).get("editable", False))
    except (ValueError, AttributeError):
        return False


def forget() -> None:
    """Forgets what was read of the environment; for use after something was installed."""
    _by_top_level.cache_clear()
    _files.cache_clear()
