"""The comparison: contenders take turns, and what they did becomes a table and a picture."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from demo.contenders import Contender, Memory, Vectors


@dataclass
class Outcome:
    """What one contender did."""

    name: str
    rates: list[float] = field(default_factory=list)
    """Sentences a second, round by round."""
    largest_difference: float = 0.0
    """From the vectors that were expected, over all components."""
    memory: Memory | None = None

    @property
    def rate(self) -> float:
        """Median of the rounds."""
        return statistics.median(self.rates)


def compare(
    contenders: Sequence[Contender],
    sentences: Sequence[str],
    expected: Vectors,
    *,
    rounds: int,
    progress: Callable[[int], None],
) -> list[Outcome]:
    """Let each contender embed the same sentences in each round, and compare its vectors.

    Args:
        contenders: Who takes part.
        sentences: What each embeds in each round.
        expected: The right vectors, shape (number of sentences, 384).
        rounds: How often everyone's turn comes.
        progress: Told how many sentences have been done since it was last called.
    """
    outcomes = [Outcome(contender.name) for contender in contenders]
    for contender in contenders:
        contender.embed(sentences[:8])
    pairs = list(zip(contenders, outcomes, strict=True))
    for number in range(rounds):
        # Forwards and backwards by turns, so that none always follows the same one.
        for contender, outcome in pairs if number % 2 == 0 else reversed(pairs):
            vectors, seconds = contender.embed(sentences)
            outcome.rates.append(len(sentences) / seconds)
            difference = float(np.abs(vectors - expected).max())
            outcome.largest_difference = max(outcome.largest_difference, difference)
            progress(len(sentences))
    for contender, outcome in pairs:
        outcome.memory = contender.memory()
    return outcomes


_COLUMNS = ("", "sentences/s", "spread", "gain", "private MiB", "PSS MiB")


def _cells(outcomes: Sequence[Outcome]) -> list[list[str]]:
    one = outcomes[0].rates
    rows = []
    for outcome in outcomes:
        # Round by round, so that what disturbed a whole round cancels out.
        gains = [rate / base for rate, base in zip(outcome.rates, one, strict=True)]
        memory = outcome.memory
        rows.append(
            [
                outcome.name,
                f"{outcome.rate:.0f}",
                f"{min(outcome.rates):.0f} to {max(outcome.rates):.0f}",
                f"{statistics.median(gains):.2f} x",
                "" if memory is None else f"{memory.private:.0f}",
                "" if memory is None else f"{memory.proportional:.0f}",
            ]
        )
    return rows


def table(outcomes: Sequence[Outcome]) -> Table:
    """Return the outcomes for a terminal."""
    result = Table(title="all-MiniLM-L6-v2, one sentence a call")
    for number, column in enumerate(_COLUMNS):
        result.add_column(column, justify="left" if number == 0 else "right")
    for row in _cells(outcomes):
        result.add_row(*row)
    return result


def draw(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the outcomes as a picture; the name's ending (.png, .svg) tells its format."""
    # Nothing else needs it, and its import takes a while.
    from matplotlib.figure import Figure  # noqa: PLC0415

    rows = _cells(outcomes)
    figure = Figure(figsize=(8.2, 3.6), layout="constrained")
    bars, grid = figure.subplots(2, 1, height_ratios=[1.25, 1])
    names = [outcome.name for outcome in outcomes]
    rates = [outcome.rate for outcome in outcomes]
    spread = [
        [outcome.rate - min(outcome.rates) for outcome in outcomes],
        [max(outcome.rates) - outcome.rate for outcome in outcomes],
    ]
    colours = ["#8fb4d9" if "process" not in name else "#c9c9c9" for name in names]
    colours[names.index("2 interpreters")] = "#1f5fa8"
    bars.barh(names, rates, color=colours, xerr=spread, error_kw={"ecolor": "#444", "capsize": 3})
    bars.invert_yaxis()
    bars.set_xlabel("sentences per second (bar: median of the rounds; line: smallest to largest)")
    bars.set_title("all-MiniLM-L6-v2, one sentence a call, two cores", loc="left", fontsize=11)
    bars.spines[["top", "right"]].set_visible(False)
    grid.axis("off")
    cells = grid.table(
        cellText=rows,
        colLabels=_COLUMNS,
        loc="center",
        cellLoc="right",
        colWidths=[0.3, 0.15, 0.17, 0.11, 0.14, 0.13],
    )
    cells.auto_set_font_size(value=False)
    cells.set_fontsize(9)
    cells.scale(1, 1.35)
    for (row, column), cell in cells.get_celld().items():
        cell.set_edgecolor("#dddddd")
        if column == 0:
            cell.set_text_props(ha="left")
        if row == 0:
            cell.set_text_props(weight="bold")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160, facecolor="white")
