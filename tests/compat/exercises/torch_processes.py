"""Loads data in forked workers, shares tensors with processes, forks, and starts programs."""

import os
import subprocess
import sys

import torch
import torch.multiprocessing

MADE_WITH = "pybind11"
DISTRIBUTION = "torch"


class _Data(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.full((2,), float(index))


def _fill(tensor: torch.Tensor) -> None:
    tensor.fill_(7)


def _fork() -> int:
    child = os.fork()
    if child == 0:
        os._exit(int((torch.ones(3) @ torch.ones(3)).item()))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def exercise() -> object:
    loader = torch.utils.data.DataLoader(
        _Data(), batch_size=4, num_workers=1, multiprocessing_context="fork"
    )
    batches = [batch.sum().item() for batch in loader]
    tensor = torch.zeros(3).share_memory_()
    process = torch.multiprocessing.get_context("fork").Process(target=_fill, args=(tensor,))
    process.start()
    process.join()
    program = subprocess.run(
        [sys.executable, "-c", "import sys; print(len(sys.argv))"], capture_output=True, check=True
    ).stdout
    return batches, tensor.tolist(), process.exitcode, _fork(), program
