"""Takes tensors and arrays out of pickles and writes them as safetensors members.

What is stored is the memory they lie in (`sesha.package.blocks`), equal content once, also across
members. A list of views in the member's metadata says how each tensor lies in what is stored, and
which of those that are stored once were one memory: these, and only these, share it again.

**Guarantees:** a group holds what its tensors hold when it ends; a tensor that is changed later and
saved in another group is stored again. **This code assumes:** one thread uses a writer at a time;
nobody changes a group's tensors until it ends. The writer keeps the tensors alive as long as it
lives: the memory of one that is gone could be another's, and they would be taken for one.
"""

import hashlib
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sesha.package import blocks, canonical, dtypes, safetensors
from sesha.package.blocks import Block, Span, View
from sesha.package.canonical import Json
from sesha.package.errors import PackError
from sesha.package.writer import PAGE, ContainerWriter

if TYPE_CHECKING:
    import numpy as np
    import torch

# The key of `__metadata__` that has the views; see docs/format.md.
VIEWS = "sesha.views"

# A member's name and the number of the view in it; plain values, to be pickled.
TensorReference = tuple[str, int]

_COMPARED = 4 << 20
_SAMPLE = 4096
_SAMPLES = 16


# A stored tensor: its member's name and its own.
_Key = tuple[str, str]


class _Place(NamedTuple):
    """Where memory was stored, and its number among those that are stored there."""

    key: _Key
    instance: int


class TensorWriter:
    """Writes the tensors of any number of pickles into one package; see `group`."""

    def __init__(self, container: ContainerWriter) -> None:
        self._container = container
        # Of what is stored: who has a fingerprint, how long it is, where in its member it starts,
        # and how many places it has. Of what the group at hand adds: its bytes.
        self._found: dict[bytes, list[_Key]] = {}
        self._sizes: dict[_Key, int] = {}
        self._offsets: dict[_Key, int] = {}
        self._instances: dict[_Key, int] = {}
        self._pending: dict[_Key, memoryview] = {}
        self._places: dict[Span, _Place] = {}
        self._keep: list[object] = []

    def group(self, member: str) -> "TensorGroup":
        """The tensors of one pickle, to be written as `member` when the `with` block ends."""
        return TensorGroup(self, member)

    def _write(self, member: str, views: list[View]) -> None:
        gathered, numbers = blocks.gathered(views)
        new: list[Block] = []
        places = [self._place(member, block, new) for block in gathered]
        layout = safetensors.laid_out((block.name, block.span.size) for block in new)
        ends = {name: (begin, end) for name, begin, end in layout}
        entries = {
            block.name: safetensors.Entry(block.dtype, block.shape, *ends[block.name])
            for block in new
        }
        described: list[Json] = [
            _described(view, None, None, member)
            if number is None
            else _described(view, gathered[number], places[number], member)
            for view, number in zip(views, numbers, strict=True)
        ]
        metadata = {
            "format": "pt" if any(view.of_torch for view in views) else "np",
            VIEWS: canonical.encode(described).decode(),
        }
        header = safetensors.build(entries, metadata)
        data: list[bytes | memoryview] = [
            header,
            *(self._pending[member, name] for name, _, _ in layout),
        ]
        self._container.add(member, data, align=PAGE)
        for name, begin, _ in layout:
            self._offsets[member, name] = len(header) + begin
        self._pending.clear()
        self._keep.extend(view.keep for view in views)

    def _place(self, member: str, block: Block, new: list[Block]) -> _Place:
        """Where a block is stored; it is added to `new` if it is not yet."""
        content = block.content()
        known = self._places.get(block.span)
        if known is not None and self._holds(known.key, content):
            return known
        fingerprint = _fingerprint(content)
        candidates = self._found.setdefault(fingerprint, [])
        key = next((key for key in candidates if self._holds(key, content)), None)
        if key is None:
            key = (member, block.name)
            candidates.append(key)
            self._pending[key] = content
            self._sizes[key] = content.nbytes
            new.append(block)
        instance = self._instances.get(key, 0)
        self._instances[key] = instance + 1
        place = _Place(key, instance)
        self._places[block.span] = place
        return place

    def _holds(self, key: _Key, content: memoryview) -> bool:
        """Whether what is stored as `key` is just `content`."""
        # Compared as bytes, which is memcmp(3); memoryview's own == unpacks every element.
        return self._sizes[key] == content.nbytes and all(
            self._stored(key, start) == content[start : start + _COMPARED].tobytes()
            for start in range(0, content.nbytes, _COMPARED)
        )

    def _stored(self, key: _Key, start: int) -> bytes:
        pending = self._pending.get(key)
        if pending is not None:
            return pending[start : start + _COMPARED].tobytes()
        size = min(_COMPARED, self._sizes[key] - start)
        return self._container.read_back(key[0], self._offsets[key] + start, size)


class TensorGroup:
    """The tensors of one pickle. A context manager: written when left without an exception."""

    def __init__(self, writer: TensorWriter, member: str) -> None:
        self._writer = writer
        self._views: list[View] = []
        self._copies: dict[Span, Any] = {}
        self.member = member

    def add(self, tensor: "torch.Tensor | np.ndarray[Any, Any]", hint: str = "") -> TensorReference:
        """Takes a tensor or array.

        Args:
            tensor: A strided torch.Tensor, of which neither gradient nor device is kept, or a
                numpy.ndarray without Python objects. Not quantised, sparse, conjugated, negated.
            hint: The name that other readers of the file see, such as "encoder.weight".

        Returns:
            What `TensorReader.get` finds it by.

        Raises:
            PackError: Its dtype has no name in the format.
        """
        if dtypes.is_array(tensor):
            self._views.append(blocks.of_array(tensor, hint))
        else:
            self._views.append(blocks.of_tensor(tensor, hint, self._copies))
        return self.member, len(self._views) - 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        views, self._views = self._views, []
        if kind is None and views:
            self._writer._write(self.member, views)  # noqa: SLF001 - one class in two parts
        self._copies.clear()


def _described(view: View, block: Block | None, place: _Place | None, member: str) -> Json:
    """The view as it stands in the list of views."""
    stored: Json = None
    instance = offset = 0
    if block is not None and place is not None:
        in_member, name = place.key
        stored = name if in_member == member else [in_member, name]
        instance = place.instance
        offset = view.address - block.span.begin
        if view.of_torch and offset % view.itemsize:
            raise PackError(
                f"the tensor {view.hint!r} shares memory with an array, but not at a multiple of "
                "its element's size; clone() one of them"
            )
    flags: list[Json] = ["readonly"] if view.readonly else []
    return [stored, instance, view.dtype, [*view.shape], [*view.strides], offset, flags]


def _fingerprint(content: memoryview) -> bytes:
    """Equal for equal contents, and seldom for others; reads at most 64 KiB."""
    digest = hashlib.sha256(content.nbytes.to_bytes(8, "little"))
    step = max((content.nbytes - _SAMPLE) // (_SAMPLES - 1), _SAMPLE)
    for start in range(0, content.nbytes, step):
        digest.update(content[start : start + _SAMPLE])
    return digest.digest()
