"""Traces, changes and runs graphs; fake tensors and dispatch modes."""

import torch
from torch import fx
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

MADE_WITH = "pybind11"
DISTRIBUTION = "torch"


class _Names(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(
        self, function: object, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        self.names.append(str(function))
        return function(*args, **(kwargs or {}))


class _Functions(TorchFunctionMode):
    def __torch_function__(
        self, function: object, types: object, args: tuple = (), kwargs: dict | None = None
    ) -> object:
        if function is torch.Tensor.add:
            function = torch.Tensor.mul
        return function(*args, **(kwargs or {}))


def exercise() -> object:
    graph = fx.symbolic_trace(lambda x: torch.relu(x) + x.sum())
    for node in graph.graph.nodes:
        if node.target is torch.relu:
            node.target = torch.neg
    graph.recompile()
    with _Names() as mode:
        torch.nn.functional.gelu(torch.ones(2) * 3).sum()
    with FakeTensorMode():
        fake = (torch.empty(5, 3) @ torch.empty(3, 7)).shape
    with _Functions():
        product = torch.tensor(6).add(torch.tensor(7)).item()
    functional = torch.func.vmap(lambda x: x.dot(x))(torch.arange(6.0).reshape(2, 3))
    return (
        graph.code,
        graph(torch.arange(3.0)).tolist(),
        mode.names,
        list(fake),
        product,
        functional.tolist(),
    )
