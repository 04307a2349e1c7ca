"""Keeps the rows in `docs/compatibility.json` and shows them in `docs/compatibility.md`."""

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.compat.supervision import Row

DOCS = Path(__file__).parents[2] / "docs"
HEAD = """# Compatibility

Packages with native code, each imported and exercised in two interpreters at once. `scripts/compat`
makes this table and [its data](compatibility.json); each row is a child process of its own
([method](#how-it-is-made)).

"""
METHOD = """## How it is made

Each row is one exercise of [tests/compat/exercises](../tests/compat/exercises): a function that
computes something real with the package and returns plain values. A child process starts two
interpreters and takes it through these steps, each in both interpreters at the same moment:

1. Both import the package. *Import* is the slower one's time, with cold caches of compiled code and
   the other interpreter importing too; *private memory* is what one interpreter's import adds to
   the memory that the process shares with nothing.
2. Both run the exercise, three rounds.
3. The host imports the package in the same process and runs the exercise: its values are the
   measure.
4. Both interpreters and the host run it together, three rounds.
5. The interpreters end, then the process, which must end well.

*Works* means that every value of every round equals the host's and that nothing crashed, hung or
raised.
"""
_TITLES = (
    "package",
    "version",
    "made with",
    "imports",
    "works",
    "import",
    "private memory",
    "exercise",
)


def load() -> list[dict[str, Any]]:
    """The rows of earlier runs, as in the file."""
    path = DOCS / "compatibility.json"
    rows: list[dict[str, Any]] = (
        json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    )
    return rows


def merge(rows: Iterable[Row]) -> None:
    """Puts rows in place of those of the same Python and exercise, and writes both files."""
    known = {(row["python"], row["exercise"]): row for row in load()}
    for row in rows:
        known[row.python, row.exercise] = dataclasses.asdict(row)
    merged = sorted(known.values(), key=_order)
    text = json.dumps(merged, indent=1, ensure_ascii=False) + "\n"
    (DOCS / "compatibility.json").write_text(text, encoding="utf-8")
    (DOCS / "compatibility.md").write_text(render(merged), encoding="utf-8")


def _order(row: dict[str, Any]) -> tuple[str, int, str]:
    kind = row["package"].partition(": ")[0]
    place = {"torch": 1, "standard library": 2}.get(kind, 0) if ": " in row["package"] else 0
    return row["python"], place, row["package"].lower()


def render(rows: list[dict[str, Any]]) -> str:
    """The page as Markdown."""
    page = HEAD
    for python in sorted({row["python"] for row in rows}):
        group = [row for row in rows if row["python"] == python]
        working = sum(row["equal"] for row in group)
        page += f"## Python {python}\n\n{working} of {len(group)} work.\n\n"
        page += f"| {' | '.join(_TITLES)} |\n{'|---' * len(_TITLES)}|\n"
        page += "".join(_line(row) for row in group) + "\n"
    return page + METHOD


def _line(row: dict[str, Any]) -> str:
    seconds, private = row["import_seconds"], row["private_bytes"]
    remarks = [row["about"]]
    if row["reason"]:
        remarks.append(f"**Fails:** `{row['reason']}`")
    if row["note"]:
        remarks.append(row["note"])
    cells = [
        row["package"],
        row["version"],
        row["made_with"],
        "yes" if row["imported"] else "**no**",
        "yes" if row["equal"] else "**no**",
        "" if seconds is None else f"{seconds:.2f} s",
        "" if private is None else f"{private / 2**20:.1f} MiB",
        ". ".join(remarks),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |\n"
