import importlib
from pathlib import Path

import pytest

from sesha.package import PackageImporter, SelfTestError, pack, selftest
from sesha.package.selftest import Call
from tests.package.conftest import Project


def test_inputs_mean_calls() -> None:
    """A tuple is the arguments, a dict the keyword arguments, anything else the only argument."""
    assert Call.of(len, (1, 2)) == Call("", (1, 2), {})
    assert Call.of(len, {"a": 1}) == Call("", (), {"a": 1})
    assert Call.of(len, [1, 2]) == Call("", ([1, 2],), {})
    assert Call.of(len, (1,), "m") == Call("m", (1,), {})


def test_run_in_this_interpreter(project: Project, tmp_path: Path) -> None:
    """An opened package's self-test runs here, and says whether there is one."""
    project({"add.py": "def f(x):\n    return x + 1\n"})
    pack(importlib.import_module("add").f, tmp_path / "a.sesha", example_inputs=1)
    pack(importlib.import_module("add").f, tmp_path / "b.sesha")
    with PackageImporter(tmp_path / "a.sesha") as importer:
        assert selftest.run(importer)
    with PackageImporter(tmp_path / "b.sesha") as importer:
        assert not selftest.run(importer)


def test_other_output_is_told(project: Project, tmp_path: Path) -> None:
    """A self-test that gives another output names what differs."""
    project(
        {"counts.py": "import itertools\nN = itertools.count()\n\ndef f():\n    return next(N)\n"}
    )
    counts = importlib.import_module("counts")
    pack(counts.f, tmp_path / "a.sesha", example_inputs=(), self_test=False)
    with PackageImporter(tmp_path / "a.sesha") as importer:
        assert selftest.run(importer)
        with pytest.raises(SelfTestError, match="output is 1, not 0"):
            selftest.run(importer)
