import threading
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from sesha.cli.checks import trial
from sesha.cli.checks.environment import Extension
from sesha.cli.checks.finding import Finding, Status

# Modules that misbehave while they are imported: everywhere, or only where sesha is at work.
MODULES = {
    "trial_good": "print('noise on standard output')",
    "trial_also_good": "",
    "trial_raises": "raise RuntimeError('no such device')",
    "trial_crashes": "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    "trial_hangs": "import threading; threading.Event().wait()",
    "trial_exits": "import os; os._exit(7)",
    "trial_raises_in_guest": "import sys\n"
    "if 'sesha._native' in sys.modules: raise ImportError('static TLS block')",
    "trial_crashes_in_guest": "import os, signal, sys\n"
    "if 'sesha._native' in sys.modules: os.kill(os.getpid(), signal.SIGSEGV)",
    "trial_crashes_at_exit_of_guest": "import atexit, os, signal, sys\n"
    "if 'sesha._native' in sys.modules: atexit.register(os.kill, os.getpid(), signal.SIGSEGV)",
}
PATIENCE = 60.0


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The modules above, where the children find them."""
    for name, source in MODULES.items():
        (tmp_path / f"{name}.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=":")


def attempt(*names: str, timeout: float = PATIENCE) -> list[Finding]:
    extensions = [Extension(name, "trial", Path(name)) for name in names]
    return trial.Trial(timeout, lambda _: None).try_package(extensions)


def outcomes(findings: list[Finding]) -> dict[str, str]:
    return {finding.subject: str(finding.status) for finding in findings}


def test_child_loads_one_module_after_another() -> None:
    """A child answers for each module, whatever the module prints."""
    with trial.Child(0, threading.Event()) as child:
        assert child.load("trial_good", PATIENCE) == ""
        assert child.load("trial_raises", PATIENCE) == "RuntimeError: no such device"
        assert child.load("trial_also_good", PATIENCE) == ""
        assert child.finish(PATIENCE) == ""


@pytest.mark.parametrize(
    ("module", "cause"),
    [("trial_crashes", "crashed with SIGSEGV"), ("trial_exits", "ended with exit code 7")],
)
def test_child_that_dies_tells_of_what(module: str, cause: str) -> None:
    """A child's death is an error with the signal's name or the exit code."""
    with (
        trial.Child(0, threading.Event()) as child,
        pytest.raises(ChildProcessError, match=cause),
    ):
        child.load(module, PATIENCE)


def test_child_that_hangs_is_killed() -> None:
    """A module that never ends its import is a time-out, and its process is gone."""
    with trial.Child(0, threading.Event()) as child:
        with pytest.raises(TimeoutError):
            child.load("trial_hangs", timeout=1.0)
        assert child.finish(PATIENCE) == "crashed with SIGKILL"


def test_stop_ends_the_wait_for_a_child() -> None:
    """Once stopped, a trial raises CancelledError in place of waiting on."""
    tried = trial.Trial(PATIENCE, lambda _: None)
    tried.stop()
    with pytest.raises(CancelledError):
        tried.try_package([Extension("trial_hangs", "trial", Path("x"))])


def test_good_modules_load_in_two_interpreters() -> None:
    """A module that loads in both interpreters is a row that is well."""
    assert outcomes(attempt("trial_good", "trial_also_good")) == {
        "trial_good": "ok",
        "trial_also_good": "ok",
    }


@pytest.mark.parametrize(
    ("module", "detail"),
    [
        ("trial_raises_in_guest", "static TLS"),
        ("trial_crashes_in_guest", "crashed with SIGSEGV"),
    ],
)
def test_failure_only_in_interpreters_is_a_row_with_its_fix(module: str, detail: str) -> None:
    """What plain Python loads and an interpreter doesn't fails; the others load still."""
    findings = attempt("trial_good", module, "trial_also_good")
    assert outcomes(findings) == {"trial_good": "ok", module: "failed", "trial_also_good": "ok"}
    (row,) = (finding for finding in findings if finding.status is Status.FAILED)
    assert detail in row.detail
    assert row.fix
    assert ("GLIBC_TUNABLES" in row.fix) == (detail == "static TLS")


@pytest.mark.parametrize("module", ["trial_raises", "trial_crashes", "trial_exits"])
def test_failure_in_plain_python_too_is_not_blamed_on_sesha(module: str) -> None:
    """What plain Python can't load either is left out, with the reason."""
    findings = attempt(module, "trial_also_good")
    assert outcomes(findings) == {module: "skipped", "trial_also_good": "ok"}
    assert findings[0].detail.startswith("fails in plain Python too: ")


def test_hang_is_a_row() -> None:
    """A module that hangs everywhere is left out after the time-out, and the rest is loaded."""
    findings = attempt("trial_hangs", "trial_also_good", timeout=5.0)
    assert outcomes(findings) == {"trial_hangs": "skipped", "trial_also_good": "ok"}


def test_crash_when_interpreters_end_is_a_row_of_the_package() -> None:
    """Modules that load, but crash the end of their interpreter, fail as a package."""
    findings = attempt("trial_good", "trial_crashes_at_exit_of_guest")
    assert outcomes(findings) == {
        "trial_good": "ok",
        "trial_crashes_at_exit_of_guest": "ok",
        "trial": "failed",
    }
    assert "SIGSEGV" in findings[-1].detail


def test_progress_is_told_of_every_module() -> None:
    """Each module is reported as done once it was tried."""
    done: list[str] = []
    names = ["trial_good", "trial_raises", "trial_also_good"]
    trial.Trial(PATIENCE, done.append).try_package([Extension(n, "trial", Path(n)) for n in names])
    assert sorted(set(done)) == sorted(names)


def test_interpreters_work_here() -> None:
    """Interpreters start, import and end on the machine that runs the suite."""
    assert trial.check_interpreters().status is Status.OK


def test_pool_that_cannot_start_is_one_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no interpreter starts, the finding holds the error that the child died of."""
    monkeypatch.setattr(trial, "INTERPRETERS", -1)
    finding = trial.check_interpreters()
    assert finding.status is Status.FAILED
    assert "-1" in finding.detail
    assert finding.fix
