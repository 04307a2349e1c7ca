import sys
from pathlib import Path

import pytest

from tests.cli.running import MODULE
from tests.package import building


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return building.build(tmp_path / "shop.sesha")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a user's module in it."""
    (tmp_path / "rooting.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "rooting", raising=False)
    return tmp_path
