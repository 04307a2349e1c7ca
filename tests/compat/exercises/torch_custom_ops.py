"""Defines an operator that has one name and a different body in each interpreter, and a C++ one."""

import torch

MADE_WITH = "pybind11"
DISTRIBUTION = "torch"


# What the operator adds differs from one interpreter to the next: each has its own memory.
OWN = id(torch) % 1000


@torch.library.custom_op("sesha_test::add_own", mutates_args=())
def add_own(x: torch.Tensor) -> torch.Tensor:
    return x + OWN


@add_own.register_fake
def _(x: torch.Tensor) -> torch.Tensor:
    return torch.empty_like(x)


add_own.register_autograd(lambda ctx, gradient: gradient * 3)

LIBRARY = torch.library.Library("sesha_test", "FRAGMENT")
LIBRARY.define("twice(Tensor x) -> Tensor")
LIBRARY.impl("twice", lambda x: x * 2, "CPU")


def exercise() -> object:
    x = torch.arange(3.0, requires_grad=True)
    y = torch.ops.sesha_test.add_own(x)
    y.sum().backward()
    graph = torch.export.export(_Module(), (torch.ones(2),)).graph
    return (
        (y - OWN).tolist(),
        x.grad.tolist(),
        torch.ops.sesha_test.twice(torch.ones(2)).tolist(),
        [str(node.target) for node in graph.nodes],
    )


class _Module(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.ops.sesha_test.add_own(x) + 1
