"""torch's tensors: no copy, every dtype, parameters and modules."""

from __future__ import annotations

import copy
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sesha import _native
from tests.runtime.crossing import call, cross, lent, settle

if TYPE_CHECKING:
    from collections.abc import Iterator

torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.torch, pytest.mark.usefixtures("nothing_lent_at_the_end")]


@pytest.fixture(params=["C functions", "capsules"])
def way(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both ways through DLPack: a torch that has the C exchange API, and one that has not."""
    _native.use_exchange_api(request.param == "C functions")
    yield
    _native.use_exchange_api(True)  # noqa: FBT003 - a native function takes no keywords


def identity(value: Any) -> Any:
    return value


DTYPES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64",
    "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
    "float8_e4m3fn", "float8_e5m2", "bits8",
]  # fmt: skip


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_arrives_over_the_same_memory(name: str) -> None:
    """Those that DLPack does not know travel as bytes."""
    tensor = torch.arange(16, dtype=torch.uint8).repeat(4).view(getattr(torch, name))
    arrived = cross(tensor)
    assert type(arrived) is torch.Tensor
    assert arrived.dtype == tensor.dtype
    assert arrived.shape == tensor.shape
    assert arrived.data_ptr() == tensor.data_ptr()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.zeros(0),
        lambda: torch.zeros(3, 0, 2),
        lambda: torch.tensor(1.5),
        lambda: torch.randn(4, 5).t(),
        lambda: torch.randn(4, 5)[1::2, ::3],
        lambda: torch.randn(3).expand(4, 3),
        lambda: torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last),
        lambda: torch.zeros(1, 1, 1)[:, 0:0],
    ],
)
def test_any_strides_arrive(make: Any) -> None:
    """Zero sizes, no dimensions, transposed, sliced and expanded tensors."""
    tensor = make()
    arrived = cross(tensor)
    assert arrived.shape == tensor.shape
    assert torch.equal(arrived, tensor)
    if tensor.numel() > 1:
        assert arrived.stride() == tensor.stride()
        assert arrived.data_ptr() == tensor.data_ptr()


@pytest.mark.usefixtures("way")
def test_writes_are_seen_on_both_sides() -> None:
    """The memory is one."""
    tensor = torch.zeros(4)
    arrived = cross(tensor)
    arrived[1] = 5
    tensor[2] = 6
    assert arrived.tolist() == tensor.tolist() == [0, 5, 6, 0]


@pytest.mark.usefixtures("way")
def test_tensors_that_require_grad_arrive_detached() -> None:
    """Leaves and results; the graph stays behind."""
    leaf = torch.randn(3, requires_grad=True)
    for tensor in (leaf, leaf * 2):
        arrived = cross(tensor)
        assert not arrived.requires_grad
        assert torch.equal(arrived, tensor.detach())
    assert leaf.requires_grad


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("requires_grad", [True, False])
def test_parameters_arrive_as_parameters(requires_grad: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """With their flag, over the same memory, by themselves and inside a pickle."""
    parameter = torch.nn.Parameter(torch.randn(3), requires_grad=requires_grad)
    for arrived in (cross(parameter), cross([Path(), parameter])[1]):
        assert type(arrived) is torch.nn.Parameter
        assert arrived.requires_grad is requires_grad
        assert arrived.data_ptr() == parameter.data_ptr()


@pytest.mark.usefixtures("way")
def test_lazy_conjugation_and_negation_are_resolved() -> None:
    """What arrives are the values, not the bits behind a flag."""
    tensor = torch.randn(3, dtype=torch.complex64)
    assert torch.equal(cross(tensor.conj()), tensor.conj())
    imaginary = tensor.conj().imag
    assert imaginary.is_neg()
    assert torch.equal(cross(imaginary), imaginary)


@pytest.mark.usefixtures("way")
def test_inference_tensors_arrive() -> None:
    """Made in inference mode, sent inside and outside of it."""
    with torch.inference_mode():
        tensor = torch.randn(3)
        inside = cross(tensor)
        assert torch.equal(inside, tensor)
    assert torch.equal(cross(tensor), tensor)


@pytest.mark.parametrize(
    "layout", ["sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"]
)
@pytest.mark.filterwarnings("ignore:Sparse")
def test_sparse_tensors_share_their_values(layout: str) -> None:
    """Taken apart and put together again around the same memory."""
    block = (2, 2) if layout in {"sparse_bsr", "sparse_bsc"} else None
    tensor = torch.eye(4).to_sparse(layout=getattr(torch, layout), blocksize=block)
    arrived = cross(tensor)
    assert arrived.layout is tensor.layout
    assert torch.equal(arrived.to_dense(), tensor.to_dense())
    values = "_values" if layout == "sparse_coo" else "values"
    assert getattr(arrived, values)().data_ptr() == getattr(tensor, values)().data_ptr()


def test_a_sparse_tensor_keeps_its_duplicates() -> None:
    """What is not coalesced arrives as it is."""
    tensor = torch.sparse_coo_tensor([[0, 0]], [1.0, 2.0], (2,))
    arrived = cross(tensor)
    assert not arrived.is_coalesced()
    assert arrived.to_dense().tolist() == [3, 0]
    assert cross(tensor.coalesce()).is_coalesced()


@pytest.mark.filterwarnings("ignore:torch.quantize", "ignore:TypedStorage")
def test_quantised_and_meta_tensors_go_by_pickle() -> None:
    """torch knows how; DLPack has no words for them."""
    quantised = torch.quantize_per_tensor(torch.tensor([1.0, 2.0]), 0.5, 0, torch.qint8)
    assert torch.equal(cross(quantised).dequantize(), quantised.dequantize())
    meta = cross(torch.zeros(2, 3, device="meta"))
    assert meta.is_meta
    assert meta.shape == (2, 3)


def test_a_tensor_that_torch_cannot_pickle_is_a_type_error() -> None:
    """The reason is torch's."""
    with pytest.raises(TypeError, match=r"^value: cannot send a torch.Tensor .*ZeroTensor"):
        cross(torch._efficientzerotensor((2, 3)))


class Tagged(torch.Tensor):  # type: ignore[misc, name-defined]
    """A subclass of the user's."""


def test_subclasses_arrive_as_themselves() -> None:
    """A subclass knows best how it is pickled."""
    tensor = torch.randn(3).as_subclass(Tagged)
    arrived = cross(tensor)
    assert type(arrived) is Tagged
    assert torch.equal(arrived, tensor)


def test_modules_share_their_weights() -> None:
    """Weights, buffers and tied weights: the same memory, tied as before."""
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 4)
    )
    module[2].weight = module[0].weight
    arrived = cross(module)
    assert arrived[2].weight is arrived[0].weight
    for (name, sent), received in zip(
        module.state_dict().items(), arrived.state_dict().values(), strict=True
    ):
        assert sent.data_ptr() == received.data_ptr(), name
    x = torch.randn(2, 4)
    assert torch.equal(module.eval()(x), arrived.eval()(x))
    arrived(x).sum().backward()
    assert module[0].weight.grad is None
    unshared = copy.deepcopy(arrived)
    assert unshared[0].weight.data_ptr() != module[0].weight.data_ptr()


@pytest.mark.usefixtures("way")
def test_an_empty_parameter_and_its_tensor_twice() -> None:
    """One tensor in two places arrives as one; views go on sharing memory."""
    tensor = torch.zeros(4)
    first, second, part = cross([tensor, tensor, tensor[1:]])
    assert first is second
    part[0] = 3
    assert first[1] == 3
    assert cross(torch.nn.Parameter(torch.empty(0))).shape == (0,)


@pytest.mark.usefixtures("way")
def test_going_to_and_fro_builds_no_chain_of_leases() -> None:
    """What comes home is lent with the lease that it came with."""
    tensor = torch.zeros(64)
    travelling = tensor
    for _ in range(1000):
        travelling = call(identity, travelling)
    assert travelling.data_ptr() == tensor.data_ptr()
    del tensor
    settle()
    assert lent() == 1
    assert travelling.sum() == 0


@pytest.mark.usefixtures("way")
def test_a_tensor_outlives_its_sender() -> None:
    """The lease keeps the memory, also through numpy's view of it."""
    tensor = torch.arange(1000.0)
    array = cross(tensor).numpy()
    del tensor
    settle()
    assert array.sum() == 499500


def test_a_hundred_thousand_round_trips_leave_nothing_behind() -> None:
    """Memory and leases are as before."""
    tensor = torch.zeros(1, 128)

    def rounds(count: int) -> int:
        for _ in range(count):
            call(identity, tensor)
            call(identity, torch.empty(1, 128))
        settle()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = rounds(5_000)
    assert rounds(50_000) - before < 8 * 1024  # KiB
