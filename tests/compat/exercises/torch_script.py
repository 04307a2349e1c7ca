"""Scripts and traces functions and modules, saves and loads them, forks."""

import io

import torch

MADE_WITH = "pybind11"
DISTRIBUTION = "torch"


@torch.jit.script
def _loop(x: torch.Tensor, count: int) -> torch.Tensor:
    for k in range(count):
        if k % 2 == 0:
            x = x + k
        else:
            x = torch.relu(x - 1)
    return x


class _Module(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(4, 2)
        torch.nn.init.constant_(self.linear.weight, 0.5)
        torch.nn.init.zeros_(self.linear.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear(x).tanh()


def exercise() -> object:
    scripted, traced = torch.jit.script(_Module()), torch.jit.trace(_Module(), torch.ones(1, 4))
    file = io.BytesIO()
    torch.jit.save(scripted, file)
    file.seek(0)
    loaded = torch.jit.load(file)
    x = torch.arange(4.0).reshape(1, 4)
    frozen = torch.jit.freeze(scripted.eval())
    future = torch.jit.fork(_loop, x, 3)
    return (
        _loop(torch.ones(3), 5).tolist(),
        [module(x).tolist() for module in (scripted, traced, loaded, frozen, frozen)],
        torch.jit.wait(future).tolist(),
    )
