"""Pools for the tests of the runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sesha import Pool
from tests.runtime.crossing import settle, start_counting

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """Two interpreters, shared by the tests of a file."""
    with Pool(2) as shared:
        yield shared


@pytest.fixture
def single() -> Iterator[Pool]:
    """One interpreter for one test, so that a second call has to wait."""
    with Pool(1) as own:
        yield own


@pytest.fixture(autouse=True)
def counted() -> None:
    """Each test counts the leases that it makes itself."""
    start_counting()


@pytest.fixture
def nothing_lent_at_the_end() -> Iterator[None]:
    """The test ends with all memory given back."""
    yield
    assert settle() <= 0
