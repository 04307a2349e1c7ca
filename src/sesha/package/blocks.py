"""Which memory tensors and arrays lie in: views of it, and the blocks that they share.

Of a torch.Tensor the whole storage counts, as for torch.save; of a numpy.ndarray the bytes from its
first to its last element. What overlaps is one block.
"""

import ctypes
import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from sesha.package import dtypes, safetensors
from sesha.package.canonical import Json

if TYPE_CHECKING:
    import numpy as np
    import torch

_MAX_HINT = 500


class Span(NamedTuple):
    """The addresses `begin` up to `end` of a device's memory."""

    device: str
    begin: int
    end: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.begin


@dataclasses.dataclass(slots=True)
class View:
    """A tensor or array: how it lies in memory. Strides in bytes.

    Attributes:
        span: The memory that counts as its own; None if it has no elements.
        address: Of its first element.
        moved: What must be added to an address to find its content in this process' memory.
        keep: What keeps the memory, and that content, alive.
    """

    span: Span | None
    address: int
    moved: int
    dtype: Json
    itemsize: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    readonly: bool
    hint: str
    keep: object

    @property
    def of_torch(self) -> bool:
        """Whether it is a torch.Tensor."""
        return isinstance(self.dtype, str) and self.dtype.startswith(dtypes.TORCH)


@dataclasses.dataclass(frozen=True, slots=True)
class Block:
    """Memory that views share: stored as a tensor of that name, dtype and shape."""

    span: Span
    moved: int
    name: str
    dtype: str
    shape: tuple[int, ...]

    def content(self) -> memoryview:
        """The bytes; valid as long as the views of the block are."""
        array = (ctypes.c_char * self.span.size).from_address(self.span.begin + self.moved)
        return memoryview(array).cast("B")


def of_array(array: "np.ndarray[Any, Any]", hint: str) -> View:
    """The view that a numpy.ndarray is; PackError if its dtype has no name in the format."""
    address: int = array.__array_interface__["data"][0]
    low, high = extent(array.shape, array.strides, array.itemsize)
    return View(
        span=Span("cpu", address + low, address + high) if high > low else None,
        address=address,
        moved=0,
        dtype=dtypes.numpy_name(array.dtype),
        itemsize=array.itemsize,
        shape=array.shape,
        strides=array.strides,
        readonly=not array.flags.writeable,
        hint=hint,
        keep=array,
    )


def of_tensor(
    tensor: "torch.Tensor", hint: str, copies: "dict[Span, torch.UntypedStorage]"
) -> View:
    """The view that a torch.Tensor is.

    Args:
        tensor: Strided, on any device that has memory.
        hint: Its name for other readers.
        copies: In this process' memory, of the storages of other devices; added to.
    """
    storage = tensor.untyped_storage()
    begin = storage.data_ptr()
    span = Span(str(storage.device), begin, begin + storage.nbytes())
    keep: object = storage
    moved = 0
    if storage.device.type != "cpu":
        if span not in copies:
            copies[span] = storage.cpu()  # type: ignore[no-untyped-call]
        keep = (storage, copies[span])
        moved = copies[span].data_ptr() - begin
    itemsize = tensor.dtype.itemsize
    return View(
        span=span if tensor.numel() else None,
        address=begin + int(tensor.storage_offset()) * itemsize,
        moved=moved,
        dtype=dtypes.torch_name(tensor.dtype),
        itemsize=itemsize,
        shape=tuple(tensor.shape),
        strides=tuple(stride * itemsize for stride in tensor.stride()),
        readonly=False,
        hint=hint,
        keep=keep,
    )


def extent(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> tuple[int, int]:
    """First byte and end of what an array touches, relative to its first element."""
    if 0 in shape:
        return 0, 0
    reach = [(size - 1) * stride for size, stride in zip(shape, strides, strict=True)]
    return sum(r for r in reach if r < 0), itemsize + sum(r for r in reach if r > 0)


def contiguous_strides(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Strides, in bytes, of an array of that shape in C order."""
    strides = []
    for size in reversed(shape):
        strides.append(itemsize)
        itemsize *= size
    return tuple(reversed(strides))


def gathered(views: Sequence[View]) -> tuple[list[Block], list[int | None]]:
    """The blocks that views lie in, in the order of the views, and the number of each view's block.

    Which addresses memory has does not show in the result, so that the same object gives the same
    blocks in every process.
    """
    merged = _merged(view.span for view in views if view.span is not None)
    order: dict[Span, int] = {}
    numbers = [
        None if view.span is None else order.setdefault(merged[view.span], len(order))
        for view in views
    ]
    of_block: list[list[View]] = [[] for _ in order]
    for view, number in zip(views, numbers, strict=True):
        if number is not None:
            of_block[number].append(view)
    taken: set[str] = set()
    blocks = [_described(span, inside, taken) for span, inside in zip(order, of_block, strict=True)]
    return blocks, numbers


def _merged(spans: Iterable[Span]) -> Mapping[Span, Span]:
    """For each span the union of those that it overlaps with, directly or through others."""
    result: dict[Span, Span] = {}
    run: list[Span] = []

    def end_run() -> None:
        if run:
            whole = Span(run[0].device, run[0].begin, max(span.end for span in run))
            result.update(dict.fromkeys(run, whole))
            run.clear()

    end = 0
    for span in sorted(set(spans)):
        if run and (span.device != run[0].device or span.begin >= end):
            end_run()
        end = max(end, span.end) if run else span.end
        run.append(span)
    end_run()
    return result


def _described(span: Span, views: list[View], taken: set[str]) -> Block:
    """The block as other readers shall see it: as the first tensor that fills it, if one does."""
    best = min(views, key=lambda view: _fit(view, span))
    fit = _fit(best, span)
    hint = best.hint or next((view.hint for view in views if view.hint), "")
    name = _unique(hint, taken)
    taken.add(name)
    dtype = "U8"
    shape: tuple[int, ...] = (span.size,)
    if fit < _BYTES:
        dtype = dtypes.SAFETENSORS[str(best.dtype)]
        shape = best.shape if fit == _WHOLE else (span.size // best.itemsize,)
    return Block(span, best.moved, name, dtype, shape)


# How well a view describes its block: as it is, by its dtype, not at all.
_WHOLE, _FLAT, _BYTES = range(3)


def _fit(view: View, span: Span) -> int:
    if not isinstance(view.dtype, str) or view.dtype not in dtypes.SAFETENSORS:
        return _BYTES
    if (view.address - span.begin) % view.itemsize or span.size % view.itemsize:
        return _BYTES
    whole = (
        view.address == span.begin
        and view.itemsize * math.prod(view.shape) == span.size
        and view.strides == contiguous_strides(view.shape, view.itemsize)
    )
    return _WHOLE if whole else _FLAT


def _unique(hint: str, taken: set[str]) -> str:
    base = hint.encode(errors="replace").decode()[:_MAX_HINT] or "storage"
    name = base
    number = 1
    while name in taken or name == safetensors.METADATA:
        number += 1
        name = f"{base}.{number}"
    return name
