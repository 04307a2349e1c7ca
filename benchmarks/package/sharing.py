"""What a second interpreter's copy of the weights costs: pages of the file, which all share."""

from __future__ import annotations

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import sesha
from benchmarks.figures import Figure, Findings, at_most, figure, single
from benchmarks.memory import MIB, footprint, mappings
from benchmarks.package.model import (
    LAYERS,
    PACKAGE,
    QUICK_LAYERS,
    RESOURCE,
    folder,
    layers,
    write_package,
)

_CROWDS = (1, 2, 8)
_PROCESS = """
import sys
from benchmarks.package.sharing import hold
for line in sys.stdin:
    print(hold(line.strip()), flush=True)
"""
_held: list[Any] = []


def hold(path: str) -> float:
    """Load the model, read every weight, and keep it; return their sum."""
    from sesha.package import PackageImporter  # noqa: PLC0415 - first used in each interpreter

    model = PackageImporter(path).load_pickle(PACKAGE, RESOURCE)
    _held.append(model)
    return float(sum(parameter.sum().item() for parameter in model.parameters()))


def measure(*, quick: bool) -> Findings:
    """Load one package in 1, 2 and 8 interpreters, then in as many processes."""
    findings = Findings()
    with folder() as name:
        big, small = str(Path(name, "big.sesha")), str(Path(name, "small.sesha"))
        write_package(Path(big), layers(QUICK_LAYERS if quick else LAYERS))
        write_package(Path(small), layers(1))
        for crowd in _CROWDS[:2] if quick else _CROWDS:
            findings.add(*_in_interpreters(crowd, small, big))
        findings.add(*_in_processes(_CROWDS[1] if quick else _CROWDS[-1], small, big))
    return findings


def _in_interpreters(crowd: int, small: str, big: str) -> list[Figure]:
    added = []
    with ExitStack() as stack:
        pool = stack.enter_context(sesha.Pool(interpreters=crowd, preload=("torch",)))
        # The small one brings what any load brings: the importer, torch's threads, caches.
        pool.broadcast(hold, small)
        sessions = [stack.enter_context(pool.session()) for _ in range(crowd)]
        before = footprint().private
        for session in sessions:
            session.run(hold, big)
            now = footprint().private
            added.append([now - before])
            before = now
        mapped = [mapping for mapping in mappings() if mapping.path == big]
    copied = sum(mapping.private for mapping in mapped) / MIB
    several = f"{crowd} interpreter{'s' * (crowd > 1)}"
    return [
        figure(
            f"private memory that loading adds, each of {several}",
            "MiB",
            added,
            target=at_most(5 * 1e6 / MIB),
        ),
        single(
            f"pages of the file that {several} copied",
            "MiB",
            copied,
            note=f"of {sum(mapping.resident for mapping in mapped) / MIB:,.0f} MiB mapped",
        ),
    ]


def _in_processes(crowd: int, small: str, big: str) -> list[Figure]:
    added = []
    with ExitStack() as stack:
        for _ in range(crowd):
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _PROCESS],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            assert process.stdin is not None  # noqa: S101 - for the type checker
            assert process.stdout is not None  # noqa: S101 - same
            stack.callback(process.stdin.close)
            private = []
            for path in (small, big):
                process.stdin.write(f"{path}\n")
                process.stdin.flush()
                process.stdout.readline()
                private.append(footprint(process.pid).private)
            added.append([private[1] - private[0]])
    return [figure(f"private memory that loading adds, each of {crowd} processes", "MiB", added)]
