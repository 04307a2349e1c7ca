"""Python-bound work on one and two interpreters, beside one and two processes.

Every contender works for the same span of time and counts what it got done. The processes talk to
nobody while they work, so they are the most that two cores can give. Each worker, thread or
process, keeps to a core of its own: where else the kernel would put it is a matter of what others
are doing, and not measured here.
"""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import torch

import sesha
from benchmarks import workloads
from benchmarks.figures import Figure, Findings, at_least, figure, ratio
from benchmarks.rounds import interleaved

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

_WORKERS = 2
_CORES = sorted(os.sched_getaffinity(0))[:_WORKERS]


def measure(*, quick: bool) -> Findings:
    """Compare throughputs, for pure Python and for a torch MLP of 20 small layers."""
    seconds, rounds = (0.3, 5) if quick else (0.2, 61)
    findings = Findings()
    with ExitStack() as stack:
        processes = [_start_process(stack) for _ in range(_WORKERS)]
        threads = stack.enter_context(ThreadPoolExecutor(_WORKERS))
        pool = stack.enter_context(
            sesha.Pool(
                interpreters=_WORKERS, preload=("torch",), initializer=workloads.single_threaded
            )
        )
        pool.broadcast(workloads.forward)

        def interpreters(kind: str, count: int) -> Callable[[], list[float]]:
            def take() -> list[float]:
                runs = [
                    threads.submit(pool.run, workloads.repeat, kind, seconds, core)
                    for core in _CORES[:count]
                ]
                return [sum(run.result() for run in runs)]

            return take

        def others(kind: str, count: int) -> Callable[[], list[float]]:
            def take() -> list[float]:
                for connection, core in zip(processes[:count], _CORES, strict=False):
                    connection.send((kind, seconds, core))
                return [sum(connection.recv() for connection in processes[:count])]

            return take

        for kind in workloads.WORK:
            taken = interleaved(
                {
                    "1 interpreter": interpreters(kind, 1),
                    "2 interpreters": interpreters(kind, 2),
                    "1 process": others(kind, 1),
                    "2 processes": others(kind, 2),
                },
                rounds=rounds,
                label=kind,
            )
            for name, samples in taken.items():
                findings.add(figure(f"{kind}, {name}", "1/s", samples))
            two = taken["2 interpreters"]
            findings.add(
                ratio(
                    f"{kind}, 2 interpreters to 1",
                    two,
                    taken["1 interpreter"],
                    target=at_least(1.9),
                ),
                ratio(
                    f"{kind}, 2 interpreters to 2 processes",
                    two,
                    taken["2 processes"],
                    target=at_least(0.97),
                ),
                ratio(f"{kind}, 2 processes to 1", taken["2 processes"], taken["1 process"]),
                ratio(
                    f"{kind}, 1 interpreter to 1 process",
                    taken["1 interpreter"],
                    taken["1 process"],
                ),
            )
        findings.add(
            *_call_for_each_batch(pool, threads, seconds=seconds, rounds=max(rounds // 3, 3))
        )
    return findings


def _start_process(stack: ExitStack) -> Connection:
    """Start a process that serves until the stack is closed."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=workloads.serve, args=(theirs,), daemon=True)
    process.start()
    stack.callback(process.join, 10)
    stack.callback(ours.send, None)
    # Imports torch and builds the model before anything is timed.
    ours.send(("torch MLP", 0.01, _CORES[0]))
    ours.recv()
    return ours


def _call_for_each_batch(
    pool: sesha.Pool, threads: ThreadPoolExecutor, *, seconds: float, rounds: int
) -> list[Figure]:
    """Do as a server does: a call with a tensor in and out for each forward pass."""
    batch = torch.zeros(1, workloads.WIDTH)

    def serve(core: int) -> float:
        return workloads.repeated(lambda: pool.run(workloads.infer, batch), seconds, core)

    def take(count: int) -> Callable[[], list[float]]:
        return lambda: [
            sum(run.result() for run in [threads.submit(serve, core) for core in _CORES[:count]])
        ]

    taken = interleaved({"1": take(1), "2": take(2)}, rounds=rounds, label="a call for each batch")
    kind = "torch MLP, a call for each batch"
    return [
        figure(f"{kind}, 1 interpreter", "1/s", taken["1"]),
        figure(f"{kind}, 2 interpreters", "1/s", taken["2"]),
        ratio(f"{kind}, 2 interpreters to 1", taken["2"], taken["1"]),
    ]
