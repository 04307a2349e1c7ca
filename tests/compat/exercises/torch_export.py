"""Exports a model with a dynamic shape, saves, loads, decomposes and runs it."""

import io

import torch

MADE_WITH = "pybind11"
DISTRIBUTION = "torch"
SECONDS = 900


class _Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(12.0).reshape(4, 3) / 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.layer_norm(x @ self.weight, (3,))


def exercise() -> object:
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(_Model(), (torch.ones(3, 4),), dynamic_shapes={"x": {0: batch}})
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file)
    x = torch.arange(20.0).reshape(5, 4)
    operators = [str(node.target) for node in program.run_decompositions().graph.nodes]
    return loaded.module()(x).tolist(), operators
