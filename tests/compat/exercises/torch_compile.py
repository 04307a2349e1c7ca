"""Compiles a model and its backward with inductor's C++, with a dynamic shape and a graph break."""

import torch

MADE_WITH = "pybind11"
DISTRIBUTION = "torch"
SECONDS = 900


def _function(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    z = torch.sin(x) * y
    torch._dynamo.graph_break()
    return (z + y.cos()).softmax(-1)


def exercise() -> object:
    compiled = torch.compile(_function)
    x, y = torch.arange(12.0).reshape(3, 4).requires_grad_(), torch.ones(3, 4)
    result = compiled(x, y)
    (result * torch.arange(4.0)).sum().backward()
    larger = compiled(torch.ones(5, 4), torch.ones(5, 4))
    return (
        result.detach().round(decimals=4).tolist(),
        x.grad.round(decimals=4).tolist(),
        larger.sum().round().item(),
    )
