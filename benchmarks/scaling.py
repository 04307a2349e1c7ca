"""Python-bound work on one and two interpreters, beside one and two processes.

Every contender works for the same span of time and counts what it got done. The processes talk to
nobody while they work, so they are the most that two cores can give.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING

import torch

import sesha
from benchmarks import workloads
from benchmarks.environment import Disturbance
from benchmarks.figures import Figure, Findings, at_least, figure, ratio
from benchmarks.rounds import interleaved, quiet

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

_WORKERS = 2
_QUIET = 0.1
"""Cores that others may use in a round that counts."""
_ENOUGH = 10
"""Quiet rounds without which all rounds count, quiet or not."""


def measure(*, quick: bool) -> Findings:
    """Compare throughputs, for pure Python and for a torch MLP of 20 small layers."""
    seconds, rounds = (0.3, 5) if quick else (0.5, 60)
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
                    threads.submit(pool.run, workloads.repeat, kind, seconds) for _ in range(count)
                ]
                return [sum(run.result() for run in runs)]

            return take

        def others(kind: str, count: int) -> Callable[[], list[float]]:
            def take() -> list[float]:
                for connection in processes[:count]:
                    connection.send((kind, seconds))
                return [sum(connection.recv() for connection in processes[:count])]

            return take

        for kind in workloads.WORK:
            watched = Watched()
            everything = interleaved(
                {
                    "1 interpreter": watched("1 interpreter", interpreters(kind, 1)),
                    "2 interpreters": watched("2 interpreters", interpreters(kind, 2)),
                    "1 process": watched("1 process", others(kind, 1)),
                    "2 processes": watched("2 processes", others(kind, 2)),
                },
                rounds=rounds,
                label=kind,
            )
            taken = quiet(everything, watched.others, _QUIET)
            kept = len(taken["1 process"])
            note = f"from the {kept} of {rounds} rounds in which others used <= {_QUIET} cores"
            if kept < _ENOUGH:
                taken, note = everything, f"only {kept} of {rounds} rounds were quiet: all are used"
            findings.tables[f"Cores that others used, {kind}"] = watched.rows()
            for name, samples in taken.items():
                findings.add(figure(f"{kind}, {name}", "1/s", samples))
            two = taken["2 interpreters"]
            findings.add(
                ratio(
                    f"{kind}, 2 interpreters to 1",
                    two,
                    taken["1 interpreter"],
                    target=at_least(1.9),
                    note=note,
                ),
                ratio(
                    f"{kind}, 2 interpreters to 2 processes",
                    two,
                    taken["2 processes"],
                    target=at_least(0.97),
                    note=note,
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


class Watched:
    """Notes for each sample how many cores other programs used meanwhile."""

    def __init__(self) -> None:
        self.others: dict[str, list[float]] = {}

    def __call__(self, name: str, take: Callable[[], list[float]]) -> Callable[[], list[float]]:
        """Return the contender, watched."""
        noted = self.others[name] = []
        warm = False

        def watched() -> list[float]:
            nonlocal warm
            disturbance = Disturbance()
            samples = take()
            if warm:  # the first round is thrown away
                noted.append(disturbance.cores())
            warm = True
            return samples

        return watched

    def rows(self) -> list[dict[str, float]]:
        """Return a row for each round."""
        return [
            dict(zip(self.others, row, strict=True))
            for row in zip(*self.others.values(), strict=True)
        ]


def _start_process(stack: ExitStack) -> Connection:
    """Start a process that serves until the stack is closed."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=workloads.serve, args=(theirs,), daemon=True)
    process.start()
    stack.callback(process.join, 10)
    stack.callback(ours.send, None)
    # Imports torch and builds the model before anything is timed.
    ours.send(("torch MLP", 0.01))
    ours.recv()
    return ours


def _call_for_each_batch(
    pool: sesha.Pool, threads: ThreadPoolExecutor, *, seconds: float, rounds: int
) -> list[Figure]:
    """Do as a server does: a call with a tensor in and out for each forward pass."""
    batch = torch.zeros(1, workloads.WIDTH)

    def serve() -> float:
        return workloads.repeated(lambda: pool.run(workloads.infer, batch), seconds)

    def take(count: int) -> Callable[[], list[float]]:
        return lambda: [sum(run.result() for run in [threads.submit(serve) for _ in range(count)])]

    taken = interleaved({"1": take(1), "2": take(2)}, rounds=rounds, label="a call for each batch")
    kind = "torch MLP, a call for each batch"
    return [
        figure(f"{kind}, 1 interpreter", "1/s", taken["1"]),
        figure(f"{kind}, 2 interpreters", "1/s", taken["2"]),
        ratio(f"{kind}, 2 interpreters to 1", taken["2"], taken["1"]),
    ]
