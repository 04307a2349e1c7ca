"""Results as tables: on the terminal, and in docs/benchmarks.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from benchmarks.catalogue import CATALOGUE
from benchmarks.figures import Figure

if TYPE_CHECKING:
    from rich.console import Console

_PRIORITY = "nice 0, session 0"
_PAGE = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
_HEAD = """\
# Benchmarks

Made by `scripts/bench`, which measures everything again and writes this page; the samples of every
round are in [benchmarks/results](../benchmarks/results). `scripts/bench calls` runs one of them,
`--quick` takes few samples and keeps them elsewhere.

How it is measured:

- Each benchmark runs in a process of its own. Contenders take turns within each round, in an order
  that changes; the first round is thrown away. Ratios are taken within each round, so what disturbs
  a whole round cancels out.
- The median is over all samples; the interval beside it is a 95 % bootstrap interval over rounds;
  5 % to 95 % is the spread of single samples.
- Undecided is a target that the median misses and its interval reaches: repeat it on a quieter
  machine.
- Private memory is what would be freed if the interpreter or process went: dirty pages, and clean
  pages of files that have no name any more. Clean pages of a named file are the page cache's, and
  count for nobody. PSS shares every page out among those who map it.
- torch and the BLAS libraries run on one thread in each interpreter and process
  (`OMP_NUM_THREADS=1`, `torch.set_num_threads(1)`): two interpreters are to be compared with two
  processes, not with OpenMP.
- Where throughputs are compared, every worker, thread or process, keeps to a core of its own.
- *Others* is how many cores other programs on the machine kept busy meanwhile. Where they would
  disturb too much, the benchmark ran in a session of higher priority (`session -19`; sched(7),
  autogroups); the two cores of this machine still slow each other down when both are busy.
"""


@dataclass(frozen=True)
class Record:
    """What is kept of one run of one benchmark."""

    name: str
    title: str
    seconds: float
    others: float
    environment: dict[str, Any]
    figures: list[Figure]
    tables: dict[str, list[dict[str, Any]]]


def load(folder: Path, name: str) -> Record | None:
    """Read a record back; nothing if the benchmark has not been run."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    data = json.loads(path.read_text(encoding="utf-8"))
    return Record(
        name=name,
        title=data["title"],
        seconds=data["seconds"],
        others=data["cores_used_by_others"],
        environment=data["environment"],
        figures=[Figure.from_json(figure) for figure in data["figures"]],
        tables=data["tables"],
    )


def _cells(figure: Figure) -> list[str]:
    spread = ["", ""]
    if len(figure.rounds) > 1:
        spread = [_span(figure.interval), _span(figure.percentiles)]
    return [
        figure.name,
        f"{_number(figure.median)} {figure.unit}".strip(),
        *spread,
        "" if figure.target is None else str(figure.target),
        figure.verdict,
    ]


def _span(bounds: tuple[float, float]) -> str:
    return f"{_number(bounds[0])} to {_number(bounds[1])}"


def _number(value: float) -> str:
    if value == round(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 or abs(value) >= 10 else f"{value:.2f}"


_COLUMNS = ("what", "median", "95 % interval", "5 % to 95 %", "target", "")


def show(record: Record, console: Console) -> None:
    """Print a record."""
    table = Table(*_COLUMNS)
    for figure in record.figures:
        cells = _cells(figure)
        colour = {"ok": "green", "undecided": "yellow", "missed": "red"}.get(cells[-1])
        cells[-1] = f"[{colour}]{cells[-1]}" if colour else ""
        table.add_row(*cells)
    console.print(table)
    for figure in record.figures:
        if figure.note:
            console.print(f"  {figure.name}: {figure.note}", style="dim", highlight=False)
    console.print(f"  {record.seconds:.0f} s; others used {record.others:.2f} cores", style="dim")


def write(folder: Path) -> None:
    """Write docs/benchmarks.md from all records of a folder."""
    records = [record for name in CATALOGUE if (record := load(folder, name)) is not None]
    if not records:
        return
    parts = [_HEAD, _machine(records[-1].environment)]
    for record in records:
        parts += [f"## {record.title}\n", _markdown(_COLUMNS, [_cells(f) for f in record.figures])]
        notes = [f"- {f.name}: {f.note}" for f in record.figures if f.note]
        if notes:
            parts.append("\n".join(notes) + "\n")
        for title, rows in record.tables.items():
            if title == "Samples":  # hundreds of rows, for a plot and not for reading
                continue
            columns = tuple(name.replace("_", " ") for name in rows[0])
            body = [[str(value) for value in row.values()] for row in rows]
            parts += [f"{title}:\n", _markdown(columns, body)]
        parts.append(
            f"`scripts/bench {record.name}`: {record.seconds:.0f} s; others: "
            f"{record.others:.2f} cores; {record.environment.get('priority', _PRIORITY)}; "
            f"{record.environment['time']}, "
            f"commit {record.environment['commit']}\n"
        )
    _PAGE.parent.mkdir(exist_ok=True)
    _PAGE.write_text("\n".join(parts), encoding="utf-8")


def _machine(environment: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items())
    variables = ", ".join(f"{name}={value}" for name, value in environment["variables"].items())
    machine = " (a virtual machine)" if environment["virtual_machine"] else ""
    return (
        f"Machine: {environment['processor']}, {environment['cores']} cores{machine}, "
        f"{environment['memory_gib']} GiB; frequency governor: {environment['governor']}; Linux "
        f"{environment['kernel']}, {environment['libc']}. {environment['python']}; {packages}. "
        f"Set: {variables}.\n"
    )


def _markdown(columns: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    lines += ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join(lines) + "\n"
