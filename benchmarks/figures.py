"""What a benchmark finds: samples with their spread, held against a target.

The interval beside a median is a 95 % bootstrap interval over *rounds*, not over single samples:
samples of one round share the machine's mood and are not independent of one another (Kalibera and
Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

_RESAMPLES = 4000
_SEED = 20240229


@dataclass(frozen=True)
class Target:
    """A limit that the median of a figure has to keep, in the figure's unit."""

    at: Literal["most", "least"]
    limit: float

    def holds(self, value: float) -> bool:
        """Return whether the value keeps the limit."""
        return value <= self.limit if self.at == "most" else value >= self.limit

    def __str__(self) -> str:
        """Write it as in a table, such as ``<= 5``."""
        return f"{'<=' if self.at == 'most' else '>='} {self.limit:g}"


def at_most(limit: float) -> Target:
    """Return a target for what should be small."""
    return Target("most", limit)


def at_least(limit: float) -> Target:
    """Return a target for what should be large."""
    return Target("least", limit)


@dataclass(frozen=True)
class Figure:
    """One measured quantity.

    `rounds` is the raw data: the samples of each round, in `unit`. All else follows from it.
    """

    name: str
    unit: str
    median: float
    interval: tuple[float, float]
    percentiles: tuple[float, float]
    rounds: list[list[float]]
    target: Target | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """`ok`, `missed` or `undecided`; nothing without a target.

        Undecided: the median misses the target, but its interval reaches it.
        """
        if self.target is None:
            return ""
        if self.target.holds(self.median):
            return "ok"
        return "undecided" if any(map(self.target.holds, self.interval)) else "missed"

    def as_json(self) -> dict[str, Any]:
        """Return what `from_json` takes."""
        return {**dataclasses.asdict(self), "verdict": self.verdict}

    @staticmethod
    def from_json(data: dict[str, Any]) -> Figure:
        """Read a figure back."""
        data = {key: value for key, value in data.items() if key != "verdict"}
        if data["target"] is not None:
            data["target"] = Target(**data["target"])
        for key in ("interval", "percentiles"):
            data[key] = tuple(data[key])
        return Figure(**data)


def figure(
    name: str,
    unit: str,
    rounds: Sequence[Sequence[float]],
    *,
    target: Target | None = None,
    note: str = "",
) -> Figure:
    """Sum up the samples of some rounds; each round has at least one."""
    everything = np.concatenate([np.asarray(samples, dtype=np.float64) for samples in rounds])
    medians = np.array([np.median(samples) for samples in rounds])
    resampled = np.random.default_rng(_SEED).choice(medians, (_RESAMPLES, len(medians)))
    low, high = np.percentile(np.median(resampled, axis=1), [2.5, 97.5])
    p5, p95 = np.percentile(everything, [5, 95])
    return Figure(
        name=name,
        unit=unit,
        median=float(np.median(everything)),
        interval=(float(low), float(high)),
        percentiles=(float(p5), float(p95)),
        rounds=[[_rounded(value) for value in samples] for samples in rounds],
        target=target,
        note=note,
    )


def single(
    name: str, unit: str, value: float, *, target: Target | None = None, note: str = ""
) -> Figure:
    """Return a figure that was measured once."""
    return figure(name, unit, [[value]], target=target, note=note)


def ratio(
    name: str,
    numerator: Sequence[Sequence[float]],
    denominator: Sequence[Sequence[float]],
    *,
    target: Target | None = None,
    note: str = "",
) -> Figure:
    """Compare two contenders round by round, so that what disturbs a whole round cancels out."""
    quotients = [
        [float(np.median(a) / np.median(b))] for a, b in zip(numerator, denominator, strict=True)
    ]
    return figure(name, "x", quotients, target=target, note=note)


def _rounded(value: float) -> float:
    """Keep five significant digits: more is noise, and the raw data is kept in the repository."""
    return float(f"{value:.5g}")


@dataclass
class Findings:
    """All that one benchmark found."""

    figures: list[Figure] = field(default_factory=list)
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Further rows, such as the largest mappings, by title."""

    def add(self, *figures: Figure) -> None:
        """Append figures in the order in which they are shown."""
        self.figures += figures
