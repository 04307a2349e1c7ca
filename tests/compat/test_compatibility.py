from collections.abc import Iterator

import pytest

from tests.compat import supervision, table
from tests.compat.exercise import Exercise, all_exercises

pytestmark = pytest.mark.compat


@pytest.fixture(scope="module")
def rows() -> Iterator[list[supervision.Row]]:
    """Collects the rows of this run, and writes the table in the end."""
    collected: list[supervision.Row] = []
    yield collected
    table.merge(collected)


@pytest.mark.parametrize("exercise", all_exercises(), ids=lambda exercise: exercise.name)
def test_package_works_in_two_interpreters_at_once(
    exercise: Exercise, rows: list[supervision.Row]
) -> None:
    """A package computes the same in two interpreters at once, and beside it in the host."""
    if not exercise.version:
        pytest.skip(f"{exercise.distribution} is not installed for this Python")
    row = supervision.examine(exercise)
    rows.append(row)
    assert row.equal, row.reason
