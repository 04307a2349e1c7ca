from pathlib import Path

import pytest

from tests.cli.running import run, run_json


def test_extract_edit_pack_and_diff(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is extracted, edited and packed again differs by just the edit."""
    folder, again = tmp_path / "out", tmp_path / "again.sesha"
    assert run(capsys, "extract", package, folder)[0] == 0
    assert run(capsys, "pack", folder, "-o", again)[0] == 0
    assert run(capsys, "diff", package, again) == (
        0,
        "the packages have the same members and manifest\n",
        "",
    )
    (folder / "shop/alone.py").write_text("LIMIT = 2\n")
    run(capsys, "pack", folder, "-o", again)
    code, out, _ = run(capsys, "diff", package, again)
    assert code == 1
    assert "+LIMIT = 2" in out
    code, found = run_json(capsys, "diff", package, again)
    assert [each["name"] for each in found["code"]] == ["shop/alone.py"]
