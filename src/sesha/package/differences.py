"""What differs between two packages: what they say of themselves, members, code and tensors."""

import dataclasses
import difflib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sesha.package import safetensors

if TYPE_CHECKING:
    from sesha.package.container import Container
    from sesha.package.manifest import Manifest

__all__ = [
    "CodeChange",
    "Differences",
    "FieldChange",
    "MemberChange",
    "TensorChange",
    "compare",
]

_CHUNK = 16 << 20  # bytes compared at a time
_COUNTED_ELSEWHERE = frozenset({"members", "modules", "resources"})
_NUMPY = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "|i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "|u1",
    "C64": "<c8",
}


@dataclass(frozen=True)
class FieldChange:
    """A field of the manifest, such as ``externs.torch``; None where a side has it not."""

    field: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class MemberChange:
    """A member that was added, removed or changed; sizes in bytes, None where it isn't there."""

    name: str
    old_size: int | None
    new_size: int | None

    @property
    def kind(self) -> str:
        """``added``, ``removed`` or ``changed``."""
        return _kind(self.old_size, self.new_size)


@dataclass(frozen=True)
class CodeChange:
    """A source or text that differs: lines added and removed, and the unified diff."""

    name: str
    added: int
    removed: int
    diff: tuple[str, ...]


@dataclass(frozen=True)
class TensorChange:
    """A tensor that differs.

    Attributes:
        name: Its name, with its member's.
        old: Dtype and shape such as ``F32[4, 4]``; None where it isn't there.
        new: Likewise.
        changed: How many elements differ, None if the two can't be compared so.
        largest: Largest absolute difference, None likewise.
    """

    name: str
    old: str | None
    new: str | None
    changed: int | None = None
    largest: float | None = None

    @property
    def kind(self) -> str:
        """``added``, ``removed`` or ``changed``."""
        return _kind(self.old, self.new)


def _kind(old: object, new: object) -> str:
    if old is None:
        return "added"
    return "removed" if new is None else "changed"


@dataclass(frozen=True)
class Differences:
    """All that differs; empty tuples where nothing does."""

    fields: tuple[FieldChange, ...]
    members: tuple[MemberChange, ...]
    code: tuple[CodeChange, ...]
    tensors: tuple[TensorChange, ...]

    def __bool__(self) -> bool:
        return bool(self.fields or self.members)


def compare(
    old: "Container",
    new: "Container",
    *,
    progress: Callable[[int], None] | None = None,
) -> Differences:
    """Compares two opened packages. Members of equal digest are not read.

    Args:
        old: What is compared with.
        new: What is compared.
        progress: Called with the number of bytes of tensors just compared.

    Raises:
        FormatError: A member is damaged.
        OSError: A file can't be read.
    """
    before = {member.name: member for member in old.manifest.members}
    after = {member.name: member for member in new.manifest.members}
    members = [
        MemberChange(
            name,
            before[name].size if name in before else None,
            after[name].size if name in after else None,
        )
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    texts = _texts(old.manifest) | _texts(new.manifest)
    code = [_compare_text(old, new, each.name) for each in members if each.name in texts]
    tensors: list[TensorChange] = []
    for each in members:
        if each.name.endswith(".safetensors"):
            tensors.extend(_compare_tensors(old, new, each.name, progress))
    return Differences(
        fields=tuple(_compare_fields(old.manifest, new.manifest)),
        members=tuple(members),
        code=tuple(code),
        tensors=tuple(tensors),
    )


def _texts(manifest: "Manifest") -> set[str]:
    return {module.member for module in manifest.modules} | {
        resource.member for resource in manifest.resources if resource.kind == "text"
    }


def _compare_fields(old: "Manifest", new: "Manifest") -> list[FieldChange]:
    before, after = _fields(old), _fields(new)
    return [
        FieldChange(name, before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _fields(manifest: "Manifest") -> dict[str, str]:
    flat: dict[str, str] = {}
    for field in dataclasses.fields(manifest):
        if field.name in _COUNTED_ELSEWHERE:
            continue
        value: Any = getattr(manifest, field.name)
        if isinstance(value, tuple):
            for item in value:
                if isinstance(item, str):
                    flat[f"{field.name}.{item}"] = "yes"
                else:
                    first, *rest = dataclasses.astuple(item)
                    # An extern without a lock has nothing but its name.
                    flat[f"{field.name}.{first}"] = " ".join(map(str, rest)).strip() or "yes"
        elif hasattr(value, "items"):
            flat.update({f"{field.name}.{key}": str(text) for key, text in value.items()})
        elif value is not None:
            flat[field.name] = str(value)
    return flat


def _compare_text(old: "Container", new: "Container", name: str) -> CodeChange:
    before, after = (
        container.read(name).decode("utf-8", "replace").splitlines() if name in container else []
        for container in (old, new)
    )
    diff = tuple(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}", lineterm=""))
    body = diff[2:]
    return CodeChange(
        name,
        added=sum(line.startswith("+") for line in body),
        removed=sum(line.startswith("-") for line in body),
        diff=diff,
    )


def _compare_tensors(
    old: "Container",
    new: "Container",
    member: str,
    progress: Callable[[int], None] | None,
) -> list[TensorChange]:
    before, after = _tensors(old, member), _tensors(new, member)
    changes = []
    for name in sorted(before.keys() | after.keys()):
        left, right = before.get(name), after.get(name)
        full = f"{member}: {name}"
        if left is None or right is None or left[0] != right[0]:
            changes.append(TensorChange(full, left and left[0], right and right[0]))
        elif not _equal(left[2], right[2], progress):
            changes.append(
                TensorChange(full, left[0], right[0], *_distance(left[1], left[2], right[2]))
            )
    return changes


def _tensors(container: "Container", member: str) -> dict[str, tuple[str, str, memoryview]]:
    """What each tensor is, its dtype, and its bytes."""
    if member not in container:
        return {}
    memory = container.map(member).toreadonly()
    header = safetensors.parse(memory, member)
    start = header.data_start
    return {
        name: (
            f"{entry.dtype}{list(entry.shape)}",
            entry.dtype,
            memory[start + entry.begin : start + entry.end],
        )
        for name, entry in header.entries.items()
    }


def _equal(left: memoryview, right: memoryview, progress: Callable[[int], None] | None) -> bool:
    for start in range(0, left.nbytes, _CHUNK):
        chunk = left[start : start + _CHUNK]
        # memoryview compares element by element, bytes as memcmp does.
        if bytes(chunk) != bytes(right[start : start + _CHUNK]):
            return False
        if progress is not None:
            progress(chunk.nbytes)
    return True


def _distance(dtype: str, left: memoryview, right: memoryview) -> tuple[int | None, float | None]:
    """How many elements differ and by how much, where numpy is installed and knows the dtype."""
    try:
        import numpy as np
    except ImportError:
        return None, None
    if dtype == "BF16":
        a, b = (
            (np.frombuffer(side, "<u2").astype("<u4") << 16).view("<f4") for side in (left, right)
        )
    elif dtype in _NUMPY:
        a, b = (np.frombuffer(side, _NUMPY[dtype]) for side in (left, right))
    else:
        return None, None
    # NaN is equal to NaN here: what counts is whether the bytes say something else.
    differ = (a != b) & ~((a != a) & (b != b))  # noqa: PLR0124 - that is what NaN is
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    with np.errstate(invalid="ignore"):
        distances = np.abs(a[differ].astype(wide) - b[differ].astype(wide))
    return int(differ.sum()), float(distances.max()) if distances.size else 0.0
