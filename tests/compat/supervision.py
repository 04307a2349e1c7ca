"""Runs a trial in a child process and makes a row of the table of it, whatever the child does."""

import contextlib
import dataclasses
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.compat.exercise import Exercise

_ROOT = Path(__file__).parents[2]
_FRAMES = 6


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """What a trial found.

    Attributes:
        python: Version of Python, two numbers.
        package: As `Exercise.package`.
        exercise: As `Exercise.name`.
        version: Of the package.
        made_with: As `Exercise.made_with`.
        imported: Both interpreters imported it at the same moment.
        equal: All rounds in both gave the host's values, and all ended well.
        import_seconds: Of the slower interpreter, while the other one imports too.
        private_bytes: Memory that the import took in one interpreter, not shared with anything.
        about: What the exercise does.
        reason: Why it failed; empty if it did not.
        note: As `Exercise.note`.
    """

    python: str
    package: str
    exercise: str
    version: str
    made_with: str
    imported: bool
    equal: bool
    import_seconds: float | None
    private_bytes: int | None
    about: str
    reason: str
    note: str


def _stacks(pid: int) -> str:
    """The stack of each of the process's threads; empty without gdb."""
    gdb = shutil.which("gdb")
    if gdb is None:
        return ""
    command = [gdb, "-p", str(pid), "-batch", "-ex", f"thread apply all backtrace {_FRAMES}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.stdout


def _crash_frames(command: list[str], environment: dict[str, str], seconds: float) -> str:
    """The innermost functions of a crash: the command is run again under gdb, if there is one."""
    gdb = shutil.which("gdb")
    if gdb is None:
        return ""
    options = ["-batch", "-iex", "set debuginfod enabled off", "-ex", "run", "-ex", "backtrace"]
    with contextlib.suppress(subprocess.TimeoutExpired):
        done = subprocess.run(
            [gdb, *options, "--args", *command],
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
            cwd=_ROOT,
            env=environment,
        )
        lines = [line for line in done.stdout.splitlines() if line.startswith("#")]
        return " < ".join(" ".join(line.split()[1:8]) for line in lines[:_FRAMES])
    return ""


def _run(command: list[str], environment: dict[str, str], seconds: float) -> str:
    """Runs the child; returns how it failed, or ""."""
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(
            command,
            cwd=_ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # what it starts is ended with it
        )
        try:
            code = child.wait(seconds)
            if code < 0:
                return f"crashed with {signal.Signals(-code).name}"
            output.seek(0)
            lines = output.read().strip().splitlines()
            return (lines[-1] if lines else f"exit code {code}") if code else ""
        except subprocess.TimeoutExpired:
            sys.stderr.write(_stacks(child.pid))
            return f"no end within {seconds:.0f} s"
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def examine(exercise: Exercise) -> Row:
    """Takes an exercise through its trial."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report")
        command = [sys.executable, "-X", "faulthandler", "-m", "tests.compat.trial"]
        command += [exercise.name, str(report)]
        # A folder of its own, so that caches of compiled code are made anew.
        environment = {**os.environ, "TMPDIR": folder, "PYTHONPATH": os.pathsep.join(sys.path)}
        failure = _run(command, environment, exercise.seconds)
        facts: dict[str, Any] = {}
        for line in report.read_text(encoding="utf-8").splitlines() if report.exists() else ():
            facts |= json.loads(line)
        phase = facts.pop("phase", "nothing")
        if failure and phase != "error":
            where = "while it ended" if phase == "end" else f"after the phase {phase!r}"
            failure += f" {where}"
            if "crashed" in failure:
                frames = _crash_frames(command, environment, exercise.seconds)
                failure += f": {frames}" if frames else ""
        reason = facts.get("reason") or failure or facts.get("difference", "")
    seconds = facts.get("seconds")
    return Row(
        python=".".join(platform.python_version_tuple()[:2]),
        package=exercise.package,
        exercise=exercise.name,
        version=exercise.version,
        made_with=exercise.made_with,
        imported=seconds is not None,
        equal=not reason and phase == "end",
        import_seconds=round(max(seconds), 3) if seconds else None,
        private_bytes=facts.get("private_bytes"),
        about=exercise.about,
        reason=reason,
        note=exercise.note,
    )
