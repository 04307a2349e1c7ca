"""Gives back the tensors and arrays that `TensorWriter` took, mapped from the package's file.

**Guarantees:**

* No copy: a tensor's memory is a private mapping of the file. Writing to it changes pages of this
  process only; pages that nobody writes are shared with every other reader.
* Within one reader, what shared memory when it was packed shares it again. Two readers share none.
* A reference or a header that does not fit the file is a TensorsError; nothing reaches beyond the
  member's bytes.
* Any number of threads may use one reader. Tensors outlive the reader and its container.

Cost: a mapping a member, about 20 µs a tensor; no byte of a tensor is touched.
"""

import math
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from sesha.package import canonical, dtypes, safetensors
from sesha.package.blocks import extent
from sesha.package.canonical import Json
from sesha.package.container import Container
from sesha.package.errors import FormatError, TensorsError
from sesha.package.tensor_writer import VIEWS, TensorReference

if TYPE_CHECKING:
    import numpy as np
    import torch

_FLAGS = {"readonly"}
# Of memory up to this many bytes a copy is made, where a mapping of its own would cost more.
_COPIED = 16 << 10
_MAX_INSTANCES = 1 << 24


class _View(NamedTuple):
    """A checked entry of the list of views; strides and offset in bytes.

    `block` is member and name of the stored tensor that it lies in, and the number of the memory
    among those that are stored there; None if it has no elements.
    """

    block: tuple[str, str, int] | None
    dtype: Json
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    readonly: bool


class _Member(NamedTuple):
    """A safetensors member, mapped."""

    header: safetensors.Header
    views: list[Json]
    data: memoryview


class _Block(NamedTuple):
    """Memory that was one, is one again: as bytes, and what torch makes of it once asked."""

    memory: memoryview
    storages: "list[torch.UntypedStorage]"


class TensorReader:
    """The tensors of one package, as one importer sees them."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._members: dict[str, _Member] = {}
        self._blocks: dict[tuple[str, str, int], _Block] = {}
        self._lock = threading.RLock()

    def get(self, reference: TensorReference) -> "torch.Tensor | np.ndarray[Any, Any]":
        """The tensor or array of a reference, as a new object over the mapped memory.

        Raises:
            TensorsError: The reference or the member it names is damaged.
            MemberMissingError: There is no such member.
            OSError: The file can't be mapped.
        """
        member, number = _checked(reference)
        with self._lock:
            views = self._member(member).views
            if not 0 <= number < len(views):
                raise TensorsError(f"{member} has {len(views)} views; number {number} is not one")
            view = _parsed(views[number], member, f"{member}: view {number}")
            if isinstance(view.dtype, str) and view.dtype.startswith(dtypes.TORCH):
                return self._tensor(view, f"{member}: view {number}")
            return self._array(view, f"{member}: view {number}")

    def header(self, member: str) -> safetensors.Header:
        """The checked header of a safetensors member."""
        with self._lock:
            return self._member(member).header

    def _member(self, name: str) -> _Member:
        member = self._members.get(name)
        if member is None:
            memory = self._container.map(name)
            header = safetensors.parse(memory, name)
            member = _Member(header, _views(header, name), memory[header.data_start :])
            self._members[name] = member
        return member

    def _block(self, key: tuple[str, str, int], where: str) -> _Block:
        block = self._blocks.get(key)
        if block is None:
            member_name, name, instance = key
            try:
                member = self._member(member_name)
            except FormatError as error:
                raise TensorsError(f"{where}: {error}") from error
            entry = member.header.entries.get(name)
            if entry is None:
                raise TensorsError(f"{where}: {member_name} has no tensor {name[:100]!a}")
            memory = member.data[entry.begin : entry.end]
            if instance:
                # Stored once since its content is another's, but a memory of its own.
                if memory.nbytes <= _COPIED:
                    memory = memoryview(bytearray(memory))
                else:
                    start = member.header.data_start + entry.begin
                    memory = self._container.map(member_name, start, memory.nbytes)
            block = self._blocks[key] = _Block(memory, [])
        return block

    def _tensor(self, view: _View, where: str) -> "torch.Tensor":
        import torch

        dtype = dtypes.torch_dtype(str(view.dtype))
        size = dtype.itemsize
        if view.offset % size or any(stride % size or stride < 0 for stride in view.strides):
            raise TensorsError(f"{where}: its offset or strides are no multiples of its elements")
        strides = tuple(stride // size for stride in view.strides)
        if view.block is None:
            _check_empty(view, where)
            return torch.empty_strided(view.shape, strides, dtype=dtype)
        block = self._block(view.block, where)
        _check_extent(view, size, block.memory.nbytes, where)
        if not block.storages:
            storage = torch.frombuffer(block.memory, dtype=torch.uint8).untyped_storage()
            block.storages.append(storage)
        tensor = torch.empty(0, dtype=dtype)
        return tensor.set_(block.storages[0], view.offset // size, view.shape, strides)

    def _array(self, view: _View, where: str) -> "np.ndarray[Any, Any]":
        import numpy as np

        dtype = dtypes.numpy_dtype(view.dtype)
        memory: memoryview | bytearray = bytearray()
        if view.block is None:
            if dtype.itemsize:
                _check_empty(view, where)
        else:
            memory = self._block(view.block, where).memory
            _check_extent(view, dtype.itemsize, memory.nbytes, where)
        try:
            array: np.ndarray[Any, Any] = np.ndarray(
                view.shape, dtype, memory, view.offset, view.strides
            )
        except (ValueError, TypeError, MemoryError) as error:
            raise TensorsError(f"{where}: numpy refuses it: {error}") from error
        if view.readonly:
            array.flags.writeable = False
        return array


def _checked(reference: TensorReference) -> TensorReference:
    match reference:
        case (str(), int()):
            return reference
    raise TensorsError(f"{ascii(reference)[:100]} is no reference to a tensor")


def _views(header: safetensors.Header, where: str) -> list[Json]:
    try:
        views = canonical.decode(header.metadata.get(VIEWS, "[]").encode())
    except ValueError as error:
        raise TensorsError(f"{where}: the list of views is damaged: {error}") from error
    if not isinstance(views, list):
        raise TensorsError(f"{where}: the list of views is not a list")
    return views


def _parsed(value: Json, member: str, where: str) -> _View:
    if isinstance(value, list) and len(value) == 7:  # noqa: PLR2004 - the fields named here
        place, instance, dtype, shape, strides, offset, flags = value
        extents = safetensors.sizes(shape)
        steps = _steps(strides)
        if (
            extents is not None
            and steps is not None
            and len(extents) == len(steps) <= safetensors.MAX_DIMENSIONS
            and math.prod(size or 1 for size in extents) < 1 << 62
            and type(instance) is int
            and 0 <= instance < _MAX_INSTANCES
            and type(offset) is int
            and 0 <= offset < 1 << 62
            and isinstance(flags, list)
            and all(flag in _FLAGS for flag in flags)
        ):
            return _View(
                _place(place, instance, member, where),
                dtype,
                extents,
                steps,
                offset,
                "readonly" in flags,
            )
    raise TensorsError(f"{where} is damaged")


def _steps(value: Json) -> tuple[int, ...] | None:
    """`value` as strides, which may be negative; None if it is no list of them."""
    if not isinstance(value, list):
        return None
    steps = tuple(item for item in value if type(item) is int and abs(item) < 1 << 62)
    return steps if len(steps) == len(value) else None


def _place(value: Json, instance: int, member: str, where: str) -> tuple[str, str, int] | None:
    match value:
        case None:
            return None
        case str():
            return member, value, instance
        case [str(other), str(name)]:
            return other, name, instance
    raise TensorsError(f"{where} is damaged")


def _check_extent(view: _View, itemsize: int, size: int, where: str) -> None:
    low, high = extent(view.shape, view.strides, itemsize)
    if view.offset + low < 0 or view.offset + high > size:
        raise TensorsError(
            f"{where} reaches from byte {view.offset + low} to {view.offset + high} of a block of "
            f"{size} bytes"
        )


def _check_empty(view: _View, where: str) -> None:
    if 0 not in view.shape:
        raise TensorsError(f"{where} has elements but no memory")
