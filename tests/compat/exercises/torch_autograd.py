"""Trains a network, with functions and hooks of its own, double backward and checkpoints."""

import torch
from torch.utils.checkpoint import checkpoint

MADE_WITH = "pybind11"
DISTRIBUTION = "torch"


class _Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: object, gradient: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return gradient * 2 * x


def exercise() -> object:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(32, 8, generator=generator)
    weights = torch.randn(8, 1, generator=generator).requires_grad_()
    hooked: list[float] = []
    weights.register_hook(lambda gradient: hooked.append(round(gradient.sum().item(), 3)))
    optimizer = torch.optim.Adam([weights], lr=0.1)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = _Square.apply(x @ weights - 1).mean()
        loss.backward()
        optimizer.step()
        losses.append(round(loss.item(), 4))
    y = torch.tensor(3.0, requires_grad=True)
    (first,) = torch.autograd.grad(y**3, y, create_graph=True)
    (second,) = torch.autograd.grad(first, y)
    z = torch.ones(4, requires_grad=True)
    checkpoint(lambda v: (v * 2).sin().sum(), z, use_reentrant=False).backward()
    jacobian = torch.func.jacrev(lambda v: v**2)(torch.arange(3.0))
    with torch.autograd.detect_anomaly(check_nan=True):
        try:
            torch.sqrt(torch.zeros(1, requires_grad=True) - 1).backward()
        except RuntimeError as error:
            failure = "nan" in str(error)
    return losses, hooked, second.item(), z.grad.tolist(), jacobian.tolist(), failure
