"""The table of the corpus, for the documentation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.models.entry import Entry

HEAD = """# The corpus of models

Real models of packages on PyPI, most with random weights and small shapes. `scripts/models` packs
each with `sesha.pack`, **without any pattern**, loads it in two interpreters at once and compares
the outputs with those of the original, computed on one thread as they are. `scripts/models --table
docs/models.md` writes this page.

*Lines* is what had to be written besides `sesha.pack(model, path, example_inputs=...)`; one that
vendors its distribution needs `vendor=["name"]`. *Code files* are the modules in the package:
installed distributions stay outside, locked to their version, unless they are vendored. Packing
includes the self-test in a fresh Python process; loading is the first call in both interpreters,
with all that they import for it.

| model | from | outputs | lines | package | code files | pack, s | first call in two, s |
|---|---|---|---|---|---|---|---|
"""


@dataclass
class Rows:
    """What was measured of each model."""

    lines: list[str] = field(default_factory=list)

    def add(  # noqa: PLR0913 - a row
        self,
        entry: Entry,
        *,
        vendored: bool,
        size: int,
        code_files: int,
        pack_seconds: float,
        load_seconds: float,
    ) -> None:
        """Add a row; `size` is in bytes."""
        outputs = "equal" if entry.tolerance == "0" else f"within {entry.tolerance}"
        name = f"{entry.name}, vendored" if vendored else entry.name
        self.lines.append(
            f"| {name} | {entry.distribution} | {outputs} | {int(vendored)} "
            f"| {size / 2**20:,.2f} MiB | {code_files} | {pack_seconds:.1f} | {load_seconds:.1f} |"
        )

    def write(self, path: Path) -> None:
        """Write the page."""
        path.write_text(HEAD + "\n".join(self.lines) + "\n", encoding="utf-8")
