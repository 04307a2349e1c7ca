import sys
from pathlib import Path

import pytest

from tests.cli.running import run, run_json


@pytest.mark.torch
def test_convert_takes_over_an_archive(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha convert` turns what torch.package wrote into a package that inspects clean."""
    from torch.package import PackageExporter  # type: ignore[attr-defined]  # noqa: PLC0415 - installed for one Python only

    sys.path.insert(0, str(tree))
    rooting = __import__("rooting")
    with PackageExporter(str(tree / "old.pt")) as exporter:
        exporter.intern("rooting")
        exporter.extern("**")
        exporter.save_pickle("model", "model.pkl", rooting.Root(2))
    code, found = run_json(capsys, "convert", "old.pt", "new.sesha")
    assert (code, found["entry_points"]) == (0, ["default"])
    assert run(capsys, "inspect", "new.sesha")[0] == 0
