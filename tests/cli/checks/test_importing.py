import io
import json
import sys
from pathlib import Path

import pytest

from sesha.cli.checks import importing


def test_load_imports_and_returns_nothing() -> None:
    """The module is imported, and kept from the answer: modules can't be sent."""
    assert importing.load("json.tool") is None  # type: ignore[func-returns-value]
    assert "json.tool" in sys.modules


def test_each_name_gets_an_answer_in_order() -> None:
    """What fails is told with its type and traceback; what comes after it is loaded still."""
    answers = io.StringIO()
    importing.report(io.StringIO("json\nno_such_module\nio\n"), answers, importing.load)
    first, second, third = map(json.loads, answers.getvalue().splitlines())
    assert first == {"module": "json", "error": "", "traceback": ""}
    assert second["error"] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert "Traceback" in second["traceback"]
    assert (third["module"], third["error"]) == ("io", "")


def test_module_that_exits_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that raises SystemExit while it is imported does not end the trial."""
    (tmp_path / "exits_when_imported.py").write_text("raise SystemExit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    answers = io.StringIO()
    importing.report(io.StringIO("exits_when_imported\n"), answers, importing.load)
    assert json.loads(answers.getvalue())["error"] == "SystemExit: 3"
