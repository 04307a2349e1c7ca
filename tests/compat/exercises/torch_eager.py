"""Computes with many operators, threads, views, in place, and saves and loads."""

import io

import torch

MADE_WITH = "pybind11"
DISTRIBUTION = "torch"


def exercise() -> object:
    generator = torch.Generator().manual_seed(5)
    a = torch.randn(64, 64, generator=generator)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
    ).eval()
    for parameter in network.parameters():
        torch.nn.init.constant_(parameter, 0.1)
    with torch.inference_mode():
        image = network(torch.ones(2, 3, 16, 16)).flatten().tolist()
    file = io.BytesIO()
    torch.save({"a": a, "n": [1, "x"]}, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=True)
    try:
        a @ torch.ones(3)
    except RuntimeError as error:
        failure = str(error)[:40]
    return (
        torch.linalg.solve(a, a.sum(1)).round(decimals=3).tolist(),
        torch.fft.rfft(torch.sin(torch.arange(64.0))).abs().argmax().item(),
        image,
        torch.equal(loaded["a"], a),
        torch.nn.functional.scaled_dot_product_attention(*[a.view(1, 4, 16, 64)] * 3)[
            0, 0, 0, :4
        ].tolist(),
        torch.einsum("ij,jk->ik", a.bfloat16(), a.bfloat16()).float().sum().round().item(),
        a.to_sparse().sum().round(decimals=2).item(),
        failure,
    )
