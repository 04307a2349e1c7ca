import json

import pytest

from sesha.cli import report
from sesha.cli.checks.finding import Finding, Status, failed, ok, warning

CHECKS = [ok("machine", "Linux"), warning("open files", "64", "raise it [now]")]
EXTENSIONS = [
    Finding("p._a", Status.OK, "", "", "p"),
    Finding("p._b", Status.OK, "", "", "p"),
    Finding("p._c", Status.FAILED, "crashed with SIGSEGV", "report it", "p"),
    Finding("q._d", Status.OK, "", "", "q"),
]


def test_table_has_a_row_for_each_package_and_each_failure(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What loads is counted by package; what fails has its own row with its fix."""
    monkeypatch.setenv("COLUMNS", "200")
    report.print_tables(CHECKS, EXTENSIONS)
    rows = [
        [cell.strip() for cell in line.split("│")[1:-1]]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("│")
    ]
    assert rows == [
        ["machine", "ok", "Linux", ""],
        ["open files", "warning", "64", "raise it [now]"],
        ["p", "ok", "2 modules", ""],
        ["p._c", "failed", "crashed with SIGSEGV", "report it"],
        ["q", "ok", "1 module", ""],
    ]


def test_summary_counts_each_status(capsys: pytest.CaptureFixture[str]) -> None:
    """The last line says how many findings ended in which way."""
    report.print_tables(CHECKS, EXTENSIONS)
    assert capsys.readouterr().out.splitlines()[-1] == "4 ok, 1 warning, 1 failed"


def test_json_holds_every_finding(capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON report has each extension module, and the number of failures."""
    report.print_json([failed("C library", "musl", "use glibc")], EXTENSIONS)
    document = json.loads(capsys.readouterr().out)
    assert document["checks"] == [
        {
            "subject": "C library",
            "status": "failed",
            "detail": "musl",
            "fix": "use glibc",
            "package": "",
        }
    ]
    assert [row["subject"] for row in document["extensions"]] == ["p._a", "p._b", "p._c", "q._d"]
    assert document["failed"] == 2


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal the progress bar prints nothing."""
    with report.progress(2) as advance:
        advance("a")
        advance("b")
    assert capsys.readouterr() == ("", "")
