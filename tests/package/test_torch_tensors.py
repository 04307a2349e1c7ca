"""`TensorWriter` and `TensorReader` together, for tensors of torch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sesha.package.container import Container
from sesha.package.errors import PackError, TensorsError
from tests.package.test_tensors import GOOD, MEMBER, forged, read, write

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch

BASE = torch.arange(24.0).reshape(4, 6)
DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.int8,
    torch.uint16,
    torch.int64,
    torch.bool,
    torch.complex64,
    torch.complex128,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e8m0fnu,
]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_dtype_comes_back(tmp_path: Path, dtype: Any) -> None:
    """The bytes of a tensor of any dtype are kept, and its dtype."""
    tensor = torch.tensor([0.0, 1.0, 2.0, 3.0]).to(dtype)
    ((again,),) = read(tmp_path / "x", [tensor])
    assert again.dtype == dtype
    assert torch.equal(again.view(torch.uint8), tensor.view(torch.uint8))


@pytest.mark.parametrize(
    "make",
    [
        lambda: BASE,
        lambda: BASE.T,
        lambda: BASE[1:, ::2],
        lambda: BASE[2, 3],
        lambda: BASE[:0],
        lambda: torch.empty(0, 3),
        lambda: torch.tensor(5),
        lambda: torch.arange(3).expand(4, 3),
        lambda: torch.arange(10).as_strided((3, 3), (2, 1), 1),
        lambda: torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
    ],
)
def test_layouts_come_back(tmp_path: Path, make: Any) -> None:
    """Shape, strides, offset and the size of the storage are kept."""
    tensor = make()
    ((again,),) = read(tmp_path / "x", [tensor])
    assert torch.equal(again, tensor)
    assert again.stride() == tensor.stride()
    if tensor.numel():
        assert again.storage_offset() == tensor.storage_offset()
        assert again.untyped_storage().nbytes() == tensor.untyped_storage().nbytes()


def test_views_and_arrays_over_one_storage_share_it_again(tmp_path: Path) -> None:
    """Tied weights, views and arrays over the same memory are one memory after loading."""
    tensor = BASE.clone()
    (tied, view, array), (other,) = read(
        tmp_path / "x", [tensor, tensor[1], tensor.numpy()], [tensor]
    )
    tied[1, 2] = 99
    assert view[2] == array[1, 2] == other[1, 2] == 99
    assert tied.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()


def test_equal_parameters_stay_apart(tmp_path: Path) -> None:
    """Biases that are all zero are stored once; training one does not train the others."""
    zeros = [torch.zeros(5000) for _ in range(4)]
    (loaded,) = read(tmp_path / "x", zeros)
    loaded[0].add_(1)
    assert [tensor.sum().item() for tensor in loaded] == [5000, 0, 0, 0]
    assert (tmp_path / "x").stat().st_size < 40_000


def test_a_loaded_model_can_be_trained(tmp_path: Path) -> None:
    """An optimizer's step writes to the mapped weights; the file stays as it was."""
    model = torch.nn.Linear(64, 64)
    (loaded,) = read(tmp_path / "x", [model.weight, model.bias])
    before = (tmp_path / "x").read_bytes()
    parameters = [torch.nn.Parameter(tensor) for tensor in loaded]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    torch.nn.functional.linear(torch.ones(1, 64), *parameters).sum().backward()
    optimizer.step()
    assert not torch.equal(parameters[0], model.weight)
    assert (tmp_path / "x").read_bytes() == before


def test_the_safetensors_library_loads_the_weights(tmp_path: Path) -> None:
    """`safetensors.torch.load_file` gives a state_dict that the model takes."""
    from safetensors.torch import load_file  # noqa: PLC0415 - needs torch

    model = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.BatchNorm1d(5))
    from sesha.package.manifest import Manifest  # noqa: PLC0415 - with its only use
    from sesha.package.tensor_writer import TensorWriter  # noqa: PLC0415 - same
    from sesha.package.writer import ContainerWriter  # noqa: PLC0415 - same

    state = {name: torch.randn(tensor.shape) for name, tensor in model.state_dict().items()}
    with ContainerWriter(tmp_path / "x") as writer:
        with TensorWriter(writer).group(MEMBER) as group:
            for name, tensor in state.items():
                group.add(tensor, name)
        writer.finish(Manifest("m", "1"))
    with Container.open(tmp_path / "x") as container:
        (tmp_path / "t").write_bytes(container.map(MEMBER))
    loaded = load_file(tmp_path / "t")
    assert loaded.keys() == state.keys()
    assert all(torch.equal(loaded[name], state[name]) for name in state)
    model.load_state_dict(loaded)


@pytest.mark.parametrize(
    "view",
    [
        ["x0", 0, "torch.int64", [2, 3, 4], [96, 32, 8], 8, []],
        ["x0", 0, "torch.int64", [2, 3, 4], [96, -32, 8], 64, []],
        ["x0", 0, "torch.int64", [2, 3, 4], [96, 32, 4], 0, []],
        ["x0", 0, "torch.int64", [1], [8], 4, []],
        ["x0", 0, "torch.quint8", [1], [1], 0, []],
        ["x0", 0, "torch.Tensor", [1], [1], 0, []],
        [None, 0, "torch.int64", [1], [8], 0, []],
        ["x0", 0, "torch.int64", [1 << 60], [8], 0, []],
    ],
)
def test_a_forged_view_is_a_named_error(tmp_path: Path, view: Any) -> None:
    """A view that torch could not hold, or that reaches beyond its block, is a TensorsError."""
    assert GOOD[0] == view[0] or view[0] is None
    with pytest.raises(TensorsError):
        forged(tmp_path / "x", view).get((MEMBER, 0))


def test_an_odd_overlap_is_refused_when_written(tmp_path: Path) -> None:
    """A tensor that lies at half an element of a shared block is a PackError that says why."""
    memory = np.zeros(41, dtype="u1")
    tensor = torch.from_numpy(memory[1:]).view(torch.float32)
    with pytest.raises(PackError, match="shares memory with an array"):
        write(tmp_path / "x", [tensor, memory])
