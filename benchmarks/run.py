"""The command: run benchmarks, each in a process of its own, keep what they found and report it.

``python -m benchmarks.run [names ...] [--quick]``; `scripts/bench` sets up the environment first.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import report
from benchmarks.catalogue import CATALOGUE
from benchmarks.environment import Disturbance, describe

RESULTS = Path(__file__).resolve().parent / "results"
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def main() -> int:
    """Run what the command line asks for; 0 if every benchmark ran, met its target or not."""
    arguments = _parse()
    if arguments.inside:
        _measure_here(arguments.inside, quick=arguments.quick, output=arguments.output)
        return 0
    console = Console()
    folder = arguments.output or (Path(tempfile.mkdtemp()) if arguments.quick else RESULTS)
    folder.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in arguments.names or CATALOGUE:
        console.rule(f"{name}: {CATALOGUE[name].title}")
        if not arguments.report_only and not _measure_apart(name, arguments.quick, folder):
            failed.append(name)
            continue
        record = report.load(folder, name)
        if record is not None:
            report.show(record, console)
    if folder == RESULTS:
        report.write(RESULTS)
    console.print(f"raw data: {folder}")
    if failed:
        console.print(f"[red]failed, see above: {', '.join(failed)}")
    return 1 if failed else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of {', '.join(CATALOGUE)}")
    parser.add_argument(
        "--quick", action="store_true", help="few samples, kept apart from the real results"
    )
    parser.add_argument("--report-only", action="store_true", help="measure nothing")
    parser.add_argument("--output", type=Path, help="folder for the raw data")
    parser.add_argument("--inside", choices=CATALOGUE, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in CATALOGUE]
    if unknown:
        parser.error(f"no benchmark {', '.join(unknown)}; there are {', '.join(CATALOGUE)}")
    return arguments


def _measure_apart(name: str, quick: bool, folder: Path) -> bool:  # noqa: FBT001 - private
    """Measure in a fresh process; whether it ended well."""
    command = [sys.executable, "-m", "benchmarks.run", "--inside", name, "--output", str(folder)]
    # One thread in each operator: cores are shared out by interpreters here, not by OpenMP.
    environment = {**os.environ, **dict.fromkeys(_THREADS, "1")}
    return subprocess.call([*command, *(["--quick"] if quick else [])], env=environment) == 0


def _measure_here(name: str, *, quick: bool, output: Path) -> None:
    circumstances = describe()
    disturbance = Disturbance()
    start = time.perf_counter()
    findings = CATALOGUE[name].run(quick=quick)
    record = {
        "benchmark": name,
        "title": CATALOGUE[name].title,
        "quick": quick,
        "seconds": round(time.perf_counter() - start, 1),
        "cores_used_by_others": disturbance.cores(),
        "environment": circumstances,
        "figures": [figure.as_json() for figure in findings.figures],
        "tables": findings.tables,
    }
    # Half a file would pass for a result.
    unfinished = output / f".{name}.json"
    unfinished.write_text(_dump(record), encoding="utf-8")
    unfinished.replace(output / f"{name}.json")


def _dump(record: dict[str, Any]) -> str:
    """Write JSON with a round of samples on each line: small, and a change shows where it is."""
    text = json.dumps(record, indent=1)
    return re.sub(r"\[[\s\d.,eE+-]*\]", lambda match: re.sub(r"\s+", " ", match[0]), text) + "\n"


if __name__ == "__main__":
    sys.exit(main())
