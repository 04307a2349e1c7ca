"""Private memory of one more interpreter that has imported torch, beside a process that has."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from contextlib import ExitStack

import sesha
from benchmarks.figures import Findings, at_least, at_most, figure, ratio, single
from benchmarks.memory import Footprint, footprint, shared_code, shared_memory
from benchmarks.rounds import progress_bar

_PROCESS = """
import sys, torch
print("ready", flush=True)
sys.stdin.read()
"""


def measure(*, quick: bool) -> Findings:
    """Measure interpreters and processes in turn; the host itself never imports torch."""
    count = 2 if quick else 6
    interpreters: list[list[float]] = []
    proportional: list[list[float]] = []
    hidden: list[list[float]] = []
    processes: list[list[float]] = []
    with ExitStack() as stack, progress_bar() as progress:
        processes.append([_process(stack).private])
        # The first brings along what all later ones share, so it is not one *more*.
        stack.enter_context(sesha.Pool(interpreters=1, preload=("torch",)))
        before = footprint()
        files = shared_memory()
        for _ in progress.track(range(count), description="torch imported"):
            processes.append([_process(stack).private])
            stack.enter_context(sesha.Pool(interpreters=1, preload=("torch",)))
            now = footprint()
            interpreters.append([now.private - before.private])
            proportional.append([now.proportional - before.proportional])
            before = now
            hidden.append([shared_memory() - files])
            files += hidden[-1][0]
        shares = shared_code()
    resident = sum(share.resident for share in shares)
    written = sum(share.written for share in shares)
    return Findings(
        figures=[
            figure("private memory of one more interpreter with torch", "MiB", interpreters),
            figure("PSS that it adds", "MiB", proportional),
            figure(
                "pages of image files that it adds",
                "MiB",
                hidden,
                note="Shmem of the whole machine, so others can disturb it; smaps shows only the "
                "part that is mapped, which is in the private memory already",
            ),
            figure("private memory of a process that imported torch", "MiB", processes),
            ratio(
                "one more interpreter to one process",
                interpreters,
                processes[1:],
                target=at_most(1.0),
            ),
            single(
                "resident code pages that are shared",
                "%",
                100 * (1 - written / resident),
                target=at_least(99),
                note=f"{resident:,.0f} MiB mapped and resident, {written:.2f} MiB of it written to",
            ),
        ],
        tables={
            f"Code in {count + 1} interpreters, MiB over all mappings (smaps)": [
                {
                    key: round(value, 2) if isinstance(value, float) else value
                    for key, value in dataclasses.asdict(share).items()
                }
                for share in shares[:12]
            ]
        },
    )


def _process(stack: ExitStack) -> Footprint:
    """Start a process that imports torch and lives until the stack is closed."""
    process = stack.enter_context(
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
    )
    assert process.stdout is not None  # noqa: S101 - for the type checker
    assert process.stdin is not None  # noqa: S101
    stack.callback(process.stdin.close)
    if process.stdout.readline() != b"ready\n":
        raise RuntimeError("the process that imports torch failed: see above")
    return footprint(process.pid)
