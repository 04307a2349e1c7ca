from pathlib import Path

import pytest

from tests.cli.running import MODULE, run, run_json
from tests.package import building


def test_inspect_shows_and_flags(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha inspect` shows a package and exits with 1 where something is flagged."""
    code, out, _ = run(capsys, "inspect", package)
    assert code == 0
    for text in (
        "shop 1",
        "prices.py",
        "weight",
        "2x2",
        "numpy",
        "shop.goods.Good",
        "nothing flagged",
    ):
        assert text in out
    hostile = building.build(package.with_name("bad.sesha"), pickle=b"cos\nsystem\n(S'x'\ntR.")
    code, found = run_json(capsys, "inspect", hostile)
    assert (code, found["flagged"]) == (1, 1)
    flagged = [each for each in found["globals"] if each["flagged"]]
    assert [(each["module"], each["name"], each["called"]) for each in flagged] == [
        ("os", "system", True)
    ]
    assert run(capsys, "inspect", hostile, "--allow", "os.*")[0] == 0


def test_externs_are_told_by_who_provides_them(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sesha inspect` tells externs of Python from those that code can do without."""
    (tree / "rooting.py").write_text(f"{MODULE}\ndef late():\n    import pytest\n")
    assert run(capsys, "pack", "rooting:make", "-o", "a.sesha")[0] == 0
    _, out, _ = run(capsys, "inspect", "a.sesha")
    whose = {line.split()[1]: line for line in out.splitlines() if line.startswith("│ ")}
    assert "Python" in whose["math"]
    assert "any, if there at all" in whose["pytest"]
