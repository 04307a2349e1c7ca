"""The comparison, with contenders that are made up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from rich.console import Console

from demo import comparison
from demo.contenders import Memory

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt


class Scripted:
    """Takes as long as it was told to, and is off by as much as it was told to."""

    def __init__(self, name: str, seconds: list[float], error: float = 0.0) -> None:
        self.name = name
        self.calls: list[int] = []
        self._seconds = [1.0, *seconds]  # the first is for warming up
        self._error = error

    def embed(self, sentences: Sequence[str]) -> tuple[npt.NDArray[np.float32], float]:
        self.calls.append(len(sentences))
        return np.full((len(sentences), 2), self._error, np.float32), self._seconds.pop(0)

    def memory(self) -> Memory:
        return Memory(private=100.0, proportional=120.0)


SENTENCES = [str(number) for number in range(20)]


def compare(*contenders: Scripted) -> list[comparison.Outcome]:
    return comparison.compare(
        contenders,
        SENTENCES,
        np.zeros((20, 2), np.float32),
        rounds=3,
        progress=lambda _done: None,
    )


def test_rates_are_taken_round_by_round() -> None:
    """A rate is sentences over seconds, and the median of the rounds counts."""
    (outcome,) = compare(Scripted("1 interpreter", [1.0, 2.0, 4.0]))
    assert outcome.rates == [20.0, 10.0, 5.0]
    assert outcome.rate == 10.0


def test_warms_up_first() -> None:
    """Each contender embeds a few sentences that do not count before its rounds."""
    contender = Scripted("1 interpreter", [1.0, 1.0, 1.0])
    compare(contender)
    assert contender.calls == [8, 20, 20, 20]


def test_keeps_the_largest_difference() -> None:
    """A wrong vector is not averaged away."""
    right, wrong = compare(Scripted("a", [1.0] * 3), Scripted("b", [1.0] * 3, error=0.25))
    assert right.largest_difference == 0.0
    assert wrong.largest_difference == 0.25


def test_the_table_shows_gains_and_memory() -> None:
    """Gains are relative to the first contender, in the same round."""
    outcomes = compare(
        Scripted("1 interpreter", [2.0, 4.0, 8.0]), Scripted("2 interpreters", [1.0, 2.0, 4.0])
    )
    console = Console(width=120)
    with console.capture() as capture:
        console.print(comparison.table(outcomes))
    text = capture.get()
    assert "2.00 x" in text
    assert "100 │" in text


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_draws(tmp_path: Path, ending: str) -> None:
    """The picture is written in the format that its name asks for."""
    pytest.importorskip("matplotlib", reason="needs scripts/setup demo")
    outcomes = compare(Scripted("1 interpreter", [2.0] * 3), Scripted("2 interpreters", [1.0] * 3))
    path = tmp_path / "new" / f"table.{ending}"
    comparison.draw(outcomes, path)
    start = path.read_bytes()[:200]
    assert start.startswith(b"\x89PNG") if ending == "png" else b"<?xml" in start
