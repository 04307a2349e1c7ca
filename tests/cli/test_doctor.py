import json

import pytest

from sesha.cli import doctor, main
from sesha.cli.checks.finding import failed


def test_healthy_machine_exits_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    """Where the suite runs, machine and Python pass every check."""
    code = main(["doctor", "--no-extensions", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert [row for row in document["checks"] if row["status"] == "failed"] == []
    assert code == 0


def test_failed_check_exits_with_1_and_spares_the_extensions(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that fails makes the exit code 1, and no extension is blamed for it."""
    monkeypatch.setattr(
        doctor, "check_system", lambda: iter([failed("C library", "musl", "use glibc")])
    )
    code = main(["doctor", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert (code, document["failed"], document["extensions"]) == (1, 1, [])


def test_extensions_load_in_two_interpreters(capsys: pytest.CaptureFixture[str]) -> None:
    """Every extension module of the packages that are asked for loads in two interpreters."""
    code = main(["doctor", "--json", "numpy", "ml_dtypes", "psutil"])
    document = json.loads(capsys.readouterr().out)
    statuses = {row["subject"]: row["status"] for row in document["extensions"]}
    assert statuses["numpy._core._multiarray_umath"] == "ok"
    assert {subject for subject, status in statuses.items() if status == "failed"} == set()
    assert {row["package"] for row in document["extensions"]} == {"numpy", "ml_dtypes", "psutil"}
    assert code == 0


def test_package_without_extensions_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    """A package that has no extension module, or isn't there, is a row and no failure."""
    code = main(["doctor", "--json", "no_such_package"])
    rows = json.loads(capsys.readouterr().out)["extensions"]
    assert [(row["subject"], row["status"]) for row in rows] == [("no_such_package", "skipped")]
    assert code == 0


@pytest.mark.parametrize("option", ["--timeout=0", "--timeout=nan", "--timeout=x", "--jobs=0"])
def test_senseless_numbers_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A time-out or a number of jobs that makes no sense is refused before anything starts."""
    with pytest.raises(SystemExit) as stop:
        main(["doctor", option])
    assert stop.value.code == 2
    assert option.partition("=")[0] in capsys.readouterr().err
