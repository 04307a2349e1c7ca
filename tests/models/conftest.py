"""The option `--table` of `scripts/models`, and the table that it is for."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.models.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterator

# Collected only where its packages are, which `scripts/models` installs.
collect_ignore_glob = [] if find_spec("torch") and find_spec("x_transformers") else ["test_*.py"]


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
