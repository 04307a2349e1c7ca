"""Computes, differentiates and collects in threads, with profiler and futures."""

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import torch

MADE_WITH = "pybind11"
DISTRIBUTION = "torch"


def _work(seed: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(128, 128, generator=generator, requires_grad=True)
    (x @ x).relu().mean().backward()
    return round(x.grad.abs().sum().item(), 2)


def exercise() -> object:
    with ThreadPoolExecutor(4) as threads:
        sums = list(threads.map(_work, range(8)))
    tensor = torch.ones(3)
    tensor.me = tensor
    reference = weakref.ref(tensor)
    del tensor
    gc.collect()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        torch.ones(4, 4) @ torch.ones(4, 4)
    names = {event.key for event in profile.key_averages()}
    modes: list[bool] = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: modes.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    return sums, reference() is None, "aten::mm" in names, modes, torch.is_grad_enabled()
