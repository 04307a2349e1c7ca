"""The sums that benchmarks are judged by."""

from __future__ import annotations

import json

from benchmarks.figures import Figure, at_least, at_most, figure, ratio, single


def test_median_is_over_all_samples() -> None:
    """The median counts every sample, whatever its round."""
    found = figure("x", "us", [[1, 2, 3], [4, 5, 100]])
    assert found.median == 3.5
    assert found.rounds == [[1, 2, 3], [4, 5, 100]]


def test_interval_spans_the_rounds() -> None:
    """The interval lies within the rounds' medians and holds the median of them."""
    found = figure("x", "us", [[float(number)] for number in range(1, 22)])
    low, high = found.interval
    assert 1 <= low < 11 < high <= 21


def test_equal_samples_have_no_spread() -> None:
    """Without variation the interval is the value."""
    assert figure("x", "us", [[5.0, 5.0], [5.0]]).interval == (5.0, 5.0)


def test_ratio_pairs_rounds() -> None:
    """A disturbance that halves both contenders in a round leaves their ratio alone."""
    found = ratio("x", [[20.0], [10.0], [20.0]], [[10.0], [5.0], [10.0]])
    assert found.interval == (2.0, 2.0)


def test_verdicts() -> None:
    """A target is kept when the median reaches it; without one there is no verdict."""
    assert single("x", "us", 5.0, target=at_most(5)).verdict == "ok"
    assert single("x", "us", 5.1, target=at_most(5)).verdict == "missed"
    assert single("x", "x", 1.9, target=at_least(1.9)).verdict == "ok"
    assert single("x", "x", 1.8, target=at_least(1.9)).verdict == "missed"
    assert single("x", "x", 1.8).verdict == ""


def test_a_miss_within_the_noise_is_undecided() -> None:
    """A median that misses a target which its interval reaches decides nothing."""
    rounds = [[1.8], [1.85], [1.89], [1.95], [1.7], [2.0], [1.88]]
    assert figure("x", "x", rounds, target=at_least(1.9)).verdict == "undecided"
    assert figure("x", "x", rounds, target=at_least(2.1)).verdict == "missed"


def test_survives_json() -> None:
    """What was written is what is read."""
    found = figure("x", "us", [[1.0, 2.0], [3.0]], target=at_most(5), note="why")
    assert Figure.from_json(json.loads(json.dumps(found.as_json()))) == found
