from typing import Any

import pytest

torch = pytest.importorskip("torch")

from sesha.package.errors import PackageError  # noqa: E402
from sesha.package.placement import Placement  # noqa: E402

pytestmark = pytest.mark.torch


def test_nothing_moves_by_default() -> None:
    """Without map_location, a tensor of the CPU is given back as it is."""
    tensor = torch.ones(2)
    assert Placement().tensor(tensor, "cpu") is tensor
    assert Placement().device() is None


def test_views_move_together() -> None:
    """Tensors that share memory share it after they moved."""
    base = torch.arange(4.0)
    copies: list[Any] = []

    def copy(storage: Any, location: str) -> Any:
        assert location == "cuda:0"
        copies.append(storage.clone())
        return copies[-1]

    placement = Placement(copy)
    moved, view = placement.tensor(base, "cuda:0"), placement.tensor(base[1:], "cuda:0")
    assert len(copies) == 1
    assert moved.data_ptr() != base.data_ptr()
    assert view.data_ptr() == moved[1:].data_ptr()
    assert view.tolist() == [1.0, 2.0, 3.0]


def test_device_that_is_not_here() -> None:
    """A device that this machine hasn't is an error that names it and the way out."""
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(PackageError, match=r"cuda:0[\s\S]*map_location='cpu'"):
        Placement().tensor(torch.ones(2), "cuda:0")
    assert Placement("cpu").tensor(torch.ones(2), "cuda:0").tolist() == [1.0, 1.0]
