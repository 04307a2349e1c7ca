"""The option `--table` of `scripts/models`, and the table that it is for."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.models.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

# The corpus is of torch's models; where torch is not installed there is nothing to choose from.
collect_ignore_glob = [] if importlib.util.find_spec("torch") else ["test_*.py"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--table", type=Path, metavar="FILE", help="write the corpus's table to it")


@pytest.fixture(scope="session")
def rows(request: pytest.FixtureRequest) -> Iterator[Rows]:
    """Collects the rows; writes the page if all went well."""
    found = Rows()
    yield found
    path = request.config.getoption("--table", default=None)
    if path is not None and request.session.testsfailed == 0:
        found.write(path)
