"""What a package is, holds and needs, and what its pickles reach for; nothing of it is executed.

Read are the directory, the manifest, the headers of tensors and the pickles, which hold no tensors:
the cost does not grow with the weights.
"""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sesha.package import safetensors
from sesha.package.allowed import Judge, Verdict
from sesha.package.errors import FormatError
from sesha.package.names import MANIFEST, SIGNATURE
from sesha.package.opcodes import PickleScan, scan_opcodes
from sesha.package.patterns import GlobGroup

if TYPE_CHECKING:
    from sesha.package.container import Container
    from sesha.package.manifest import Manifest

__all__ = ["FoundGlobal", "Inspection", "MemberInfo", "Problem", "TensorInfo", "inspect_package"]


@dataclass(frozen=True)
class MemberInfo:
    """A member: `kind` is source, tensors, pickle, text, binary, manifest or signature."""

    name: str
    kind: str
    size: int


@dataclass(frozen=True)
class TensorInfo:
    """A tensor of a safetensors member: `dtype` as safetensors names it, `size` in bytes."""

    member: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    size: int


@dataclass(frozen=True)
class FoundGlobal:
    """A global that a pickle reaches for; see `opcodes.ReachedGlobal` and `allowed.Verdict`."""

    pickle: str
    module: str
    name: str
    called: bool
    verdict: Verdict


@dataclass(frozen=True)
class Problem:
    """What is wrong with a member: a pickle that hides what it does, or a damaged one."""

    member: str
    text: str


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        origin: The path, or what stands for one.
        manifest: The package's manifest.
        signed: Whether it carries a signature (which is not checked here).
        members: All members in the order of the file.
        tensors: The tensors and arrays of its safetensors members.
        globals: What its pickles reach for, by pickle.
        problems: What could not be read.
    """

    origin: str
    manifest: "Manifest"
    signed: bool
    members: tuple[MemberInfo, ...]
    tensors: tuple[TensorInfo, ...]
    globals: tuple[FoundGlobal, ...]
    problems: tuple[Problem, ...]

    @property
    def flagged(self) -> tuple[FoundGlobal, ...]:
        """The globals that a person should look at."""
        return tuple(found for found in self.globals if found.verdict.flagged)

    @property
    def size(self) -> int:
        """Bytes of all members."""
        return sum(member.size for member in self.members)


def inspect_package(
    container: "Container",
    *,
    allow: Iterable[str] = (),
    progress: Callable[[str], None] | None = None,
) -> Inspection:
    """Looks into an opened package.

    Args:
        container: The package.
        allow: Globs over ``module.name`` that are allowed besides the list in `allowed`.
        progress: Called with the name of each member that is about to be read.

    Raises:
        OSError: The file can't be read.
    """
    manifest = container.manifest
    judge = _judge(manifest, allow)
    kinds = _kinds(manifest)
    members = tuple(
        MemberInfo(name, kinds.get(name) or _kind_of(name), size)
        for name, size in container.sizes.items()
    )
    tensors: list[TensorInfo] = []
    found: list[FoundGlobal] = []
    problems: list[Problem] = []
    for member in members:
        if member.kind not in {"tensors", "pickle"}:
            continue
        if progress is not None:
            progress(member.name)
        try:
            if member.kind == "tensors":
                tensors.extend(_tensors(container, member.name))
            else:
                scan = scan_opcodes(container.read(member.name))
                found.extend(_globals(member.name, scan, judge))
                problems.extend(_problems(member.name, scan))
        except FormatError as error:
            problems.append(Problem(member.name, str(error)))
    return Inspection(
        origin=container.origin,
        manifest=manifest,
        signed=SIGNATURE in container.sizes,
        members=members,
        tensors=tuple(tensors),
        globals=tuple(found),
        problems=tuple(problems),
    )


def _judge(manifest: "Manifest", allow: Iterable[str]) -> Judge:
    extra = tuple(allow)
    return Judge(
        modules=frozenset(module.name for module in manifest.modules),
        externs=frozenset(extern.module for extern in manifest.externs),
        standard=frozenset(sys.stdlib_module_names),
        extra=GlobGroup(extra) if extra else None,
    )


def _kinds(manifest: "Manifest") -> dict[str, str]:
    kinds = {module.member: "source" for module in manifest.modules}
    kinds.update({resource.member: resource.kind for resource in manifest.resources})
    if manifest.self_test is not None:
        kinds[manifest.self_test.inputs] = "pickle"
        kinds[manifest.self_test.outputs] = "pickle"
    for point in manifest.entry_points:
        folder = f"{point.package.replace('.', '/')}/" if point.package else ""
        kinds[folder + point.resource] = "pickle"
    kinds[MANIFEST] = "manifest"
    kinds[SIGNATURE] = "signature"
    return kinds


def _kind_of(name: str) -> str:
    """The kind of a member that the manifest lists without one."""
    suffix = PurePosixPath(name).suffix
    return {".safetensors": "tensors", ".pkl": "pickle", ".py": "source"}.get(suffix, "binary")


def _tensors(container: "Container", member: str) -> list[TensorInfo]:
    header = safetensors.parse(container.map(member), member)
    return [
        TensorInfo(member, name, entry.dtype, entry.shape, entry.end - entry.begin)
        for name, entry in header.entries.items()
    ]


def _globals(member: str, scan: PickleScan, judge: Judge) -> list[FoundGlobal]:
    return [
        FoundGlobal(
            member,
            each.module,
            each.name,
            each.called,
            Verdict.ALLOWED if each.literal else judge.verdict(each.module, each.name),
        )
        for each in scan.globals
    ]


def _problems(member: str, scan: PickleScan) -> list[Problem]:
    problems = [
        Problem(
            member,
            f"at byte {position} it reaches for something whose name it computes; no pickler "
            "writes that",
        )
        for position in scan.computed
    ]
    if scan.trailing:
        problems.append(
            Problem(member, f"{scan.trailing} bytes follow its end, which nothing reads")
        )
    return problems
