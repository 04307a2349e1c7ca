"""Taking samples: contenders take turns, so that none has the quiet minutes for itself."""

from __future__ import annotations

import gc
import random
import time
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_SEED = 7


def interleaved(
    contenders: Mapping[str, Callable[[], Sequence[float]]], *, rounds: int, label: str
) -> dict[str, list[list[float]]]:
    """Let each contender take its samples once a round, in an order that changes.

    One round more is run first and thrown away.

    Returns:
        The samples of each contender, round by round: the n-th rounds of any two belong together.
    """
    order = list(contenders)
    shuffler = random.Random(_SEED)  # noqa: S311 - an order that can be repeated, no secret
    taken: dict[str, list[list[float]]] = {name: [] for name in order}
    with progress_bar() as progress:
        task = progress.add_task(label, total=(rounds + 1) * len(order))
        for number in range(rounds + 1):
            shuffler.shuffle(order)
            for name in order:
                gc.collect()
                samples = list(contenders[name]())
                if number:
                    taken[name].append(samples)
                progress.advance(task)
    return taken


def latencies(
    call: Callable[[], object], count: int, scale: float = 1e-3
) -> Callable[[], list[float]]:
    """Return a contender that times single calls, in ns times `scale`: microseconds by default."""

    def take() -> list[float]:
        clock = time.perf_counter_ns
        samples = []
        for _ in range(count):
            start = clock()
            call()
            samples.append((clock() - start) * scale)
        return samples

    return take


def progress_bar() -> Progress:
    """Return a progress bar on the terminal."""
    return Progress(
        TextColumn("[progress.description]{task.description}"), BarColumn(), TimeRemainingColumn()
    )
