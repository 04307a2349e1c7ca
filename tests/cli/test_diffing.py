from pathlib import Path

import pytest

from tests.cli.running import run, run_json
from tests.package import building


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The package with another weight, another line of code and another version."""
    weights = building.tensors(
        bias=("F32", [2], building.floats(1, 2.5)),
        weight=("F32", [2, 2], building.floats(1, 2, 3, float("nan"))),
    )
    sources = {**building.SOURCES, "shop/alone.py": "LIMIT = 2\n"}
    return building.build(tmp_path / "other.sesha", weights=weights, sources=sources, version="2")


def test_same_packages_do_not_differ(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A package and its copy have no differences, and the exit code is 0."""
    code, found = run_json(capsys, "diff", package, package)
    assert code == 0
    assert found == {"differ": False, "manifest": [], "members": [], "code": [], "tensors": []}


def test_all_that_differs_is_shown(
    package: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Manifest, members, code and tensors are shown side by side; the exit code is 1."""
    code, out, _ = run(capsys, "diff", package, other)
    assert code == 1
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    assert ["version", "1", "2"] in rows
    assert ["shop/alone.py", "changed", "10 B", "10 B"] in rows
    tensor = "objects/good.pkl.safetensors: bias"
    assert [tensor, "changed", "F32[2]", "F32[2]", "1", "0.5"] in rows
    assert "weight" not in out
    assert {"-LIMIT = 1", "+LIMIT = 2"} <= set(out.splitlines())


def test_brief_leaves_out_lines_of_code(
    package: Path, other: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With `--brief` code is counted, not shown."""
    _, out, _ = run(capsys, "diff", package, other, "--brief")
    assert "shop/alone.py +1 -1" in out
    assert "LIMIT" not in out
