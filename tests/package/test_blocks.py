import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesha.package import blocks


@given(
    st.lists(st.integers(1, 5), max_size=4),
    st.data(),
)
def test_the_extent_is_what_numpy_touches(shape: list[int], data: st.DataObject) -> None:
    """First byte and end agree with the addresses of an array's elements, for any strides."""
    strides = [data.draw(st.integers(-50, 50)) for _ in shape]
    low, high = blocks.extent(shape, strides, 4)
    offsets = [
        sum(i * s for i, s in zip(index, strides, strict=True)) for index in np.ndindex(*shape)
    ]
    assert (low, high) == (min(offsets), max(offsets) + 4)


def test_an_array_without_elements_touches_nothing() -> None:
    """A zero in the shape makes the extent empty, whatever the strides."""
    assert blocks.extent((5, 0), (100, 8), 8) == (0, 0)


def test_what_overlaps_is_one_block() -> None:
    """Views that overlap, even through a third, share a block; others have one of their own."""
    base = np.arange(100)
    views = [base[:10], base[5:20], base[15:30], base[50:60], np.arange(3), base[0:0]]
    found, numbers = blocks.gathered([blocks.of_array(view, "") for view in views])
    assert numbers == [0, 0, 0, 1, 2, None]
    assert [block.span.size for block in found] == [240, 80, 24]
    assert bytes(found[0].content()) == base[:30].tobytes()


def test_blocks_come_in_the_order_of_the_views() -> None:
    """Where memory lies does not show in the order, so a package is the same in every process."""
    base = np.arange(100)
    forward, _ = blocks.gathered([blocks.of_array(v, "") for v in (base[:10], base[50:60])])
    backward, _ = blocks.gathered([blocks.of_array(v, "") for v in (base[50:60], base[:10])])
    assert [b.span for b in forward] == [b.span for b in backward][::-1]


@pytest.mark.parametrize(
    ("views", "dtype", "shape"),
    [
        (lambda a: [a], "F64", (3, 4)),
        (lambda a: [a.T], "F64", (12,)),
        (lambda a: [a[1:], a.T, a], "F64", (3, 4)),
        (lambda a: [a.ravel()], "F64", (12,)),
        (lambda a: [a.view(">f8")], "U8", (96,)),
        (lambda a: [a.view("M8[s]")], "U8", (96,)),
        (lambda a: [a[:, ::2]], "F64", (11,)),
        (lambda a: [a.view("u1").ravel()[1:]], "U8", (95,)),
    ],
)
def test_a_block_looks_like_the_tensor_that_fills_it(
    views: "object", dtype: str, shape: tuple[int, ...]
) -> None:
    """Other readers see dtype and shape of a view that is the whole block, else a flat array."""
    array = np.arange(12.0).reshape(3, 4)
    gathered = [blocks.of_array(view, "") for view in views(array)]  # type: ignore[operator]
    (block,), _ = blocks.gathered(gathered)
    assert (block.dtype, block.shape) == (dtype, shape)


def test_every_block_has_a_name_of_its_own() -> None:
    """Hints are kept, made unique, bounded, and never the key of the metadata."""
    hints = ["w", "w", "", "", "__metadata__", "\ud800", "x" * 1000]
    found, _ = blocks.gathered([blocks.of_array(np.ones(1), hint) for hint in hints])
    names = [block.name for block in found]
    assert names == ["w", "w.2", "storage", "storage.2", "__metadata__.2", "?", "x" * 500]


@pytest.mark.torch
def test_the_whole_storage_of_a_tensor_counts() -> None:
    """A slice of a tensor keeps its storage, as torch.save does; an array keeps its own bytes."""
    import torch  # noqa: PLC0415 - where it is installed

    tensor = torch.arange(10.0)
    (block,), _ = blocks.gathered([blocks.of_tensor(tensor[2:4], "", {})])
    assert block.span.size == 40
    (block,), _ = blocks.gathered([blocks.of_array(tensor.numpy()[2:4], "")])
    assert block.span.size == 8


@pytest.mark.torch
def test_storages_of_other_devices_are_copied_once() -> None:
    """Two views of memory that is not this process' share one copy of it."""
    import torch  # noqa: PLC0415 - where it is installed

    class Elsewhere:
        """A tensor as on a GPU: its storage's address means nothing here."""

        def __init__(self, tensor: torch.Tensor) -> None:
            self._tensor = tensor
            self.dtype, self.shape = tensor.dtype, tensor.shape
            self.stride, self.storage_offset = tensor.stride, tensor.storage_offset
            self.numel = tensor.numel

        def untyped_storage(self) -> "Elsewhere":
            return self

        device = torch.device("meta")

        def data_ptr(self) -> int:
            return 4096

        def nbytes(self) -> int:
            return self._tensor.untyped_storage().nbytes()

        def cpu(self) -> torch.UntypedStorage:
            copies.append(self)
            return self._tensor.untyped_storage()

    copies: list[object] = []
    tensor = torch.arange(6.0)
    kept: dict[blocks.Span, torch.UntypedStorage] = {}
    views = [
        blocks.of_tensor(Elsewhere(each), "", kept)  # type: ignore[arg-type]
        for each in (tensor, tensor[2:])
    ]
    (block,), numbers = blocks.gathered(views)
    assert (numbers, len(copies)) == ([0, 0], 1)
    assert bytes(block.content()) == tensor.numpy().tobytes()
    assert views[1].address - block.span.begin == 8
