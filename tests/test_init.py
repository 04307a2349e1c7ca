"""What `sesha` offers by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sesha
from tests.runtime.scripts import environment


@pytest.mark.parametrize("name", sesha.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """Each name of __all__ is found, where its home says, and listed by dir()."""
    value = getattr(sesha, name)
    assert name in dir(sesha)
    assert value.__name__ == name


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    """A misspelled name is reported as such."""
    with pytest.raises(AttributeError, match="Pol"):
        sesha.Pol  # noqa: B018 - the access is the test


def test_importing_sesha_imports_nothing_else_of_it() -> None:
    """Every interpreter imports sesha, so it must cost nothing."""
    program = (
        "import sys; before = set(sys.modules); import sesha; "
        "print([name for name in sys.modules if name.startswith('sesha.')], "
        "'concurrent.futures' in sys.modules, 'asyncio' in sys.modules)"
    )
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert printed.stdout == "[] False False\n"
