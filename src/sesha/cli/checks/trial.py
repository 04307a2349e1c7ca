"""Loads extension modules in two interpreters of a child process and reports how each went.

A child takes the modules of one package, one after another. If it crashes or hangs, the module that
it was loading is the culprit; the rest goes on in a new child. What fails is then loaded by a plain
Python as well: a module that fails there too says nothing about sesha.

**Guarantees:** every module gets exactly one finding, whatever the child does; no child outlives
the call, nor an interruption of it.

**This code assumes:** a child answers a name before it reads the next, as
`sesha.cli.checks.importing` does.
"""

import contextlib
import dataclasses
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from typing import IO, Self

from sesha.cli.checks.environment import Extension
from sesha.cli.checks.finding import Finding, Status, failed, ok

# Two: a copy that collides with another needs both.
INTERPRETERS = 2
# Seconds between two looks at the clock and at `stop`.
_GLANCE = 0.1

_REPORT = "report it with the output of `sesha doctor --json`; until then use it in processes"
_STATIC_TLS = (
    "start Python with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384 in its environment"
)


class Child:
    """A process that loads modules when told; see `sesha.cli.checks.importing`.

    Args:
        interpreters: In how many interpreters; 0 for plain Python.
        stop: Once set, waiting for the child ends with CancelledError.
    """

    def __init__(self, interpreters: int, stop: threading.Event) -> None:
        self._stop = stop
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._answers = b""
        # -P: the working folder's own modules are not the environment's.
        options = ["-P", "-X", "faulthandler", "-m", "sesha.cli.checks.importing"]
        self._process = subprocess.Popen(
            [sys.executable, *options, str(interpreters)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            # What it starts can be ended with it, and Ctrl-C is this process's to handle.
            start_new_session=True,
            bufsize=0,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                stream.close()

    def load(self, module: str, timeout: float) -> str:
        """Has a module loaded; returns the error, or "" when it loaded.

        Args:
            module: Its dotted name.
            timeout: Seconds to wait for the answer.

        Raises:
            ChildProcessError: The child died; the text says of what.
            TimeoutError: No answer in time; the child is killed.
            CancelledError: `stop` was set.
        """
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(f"{module}\n".encode())
        line = self._read_line(time.monotonic() + timeout)
        if not line:
            raise ChildProcessError(self._cause_of_death())
        error: str = json.loads(line)["error"]
        return error

    def finish(self, timeout: float) -> str:
        """Lets the child end by itself; returns what went wrong with that, or ""."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            return f"did not end within {timeout:.0f} s"
        return "" if self._process.returncode == 0 else self._cause_of_death()

    def kill(self) -> None:
        """Ends the child and what it started; harmless when it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _read_line(self, deadline: float) -> bytes:
        """The next whole line of the child; empty when it closed its end.

        Raises:
            TimeoutError: `deadline` (of time.monotonic) passed first; the child is killed.
            CancelledError: `stop` was set.
        """
        stdout = self._process.stdout
        if stdout is None:
            return b""
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while b"\n" not in self._answers:
                if self._stop.is_set():
                    raise CancelledError
                if time.monotonic() > deadline:
                    self.kill()
                    raise TimeoutError
                if not selector.select(_GLANCE):
                    continue
                part = os.read(stdout.fileno(), 65536)
                if not part:
                    return b""
                self._answers += part
        line, _, self._answers = self._answers.partition(b"\n")
        return line

    def _cause_of_death(self) -> str:
        """What the exit code and the last error message say."""
        # Its end of the pipe is closed, so it is dead or about to be.
        try:
            code = self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()
            return "it closed its output and hung"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        if code < 0:
            with contextlib.suppress(ValueError):
                return f"crashed with {signal.Signals(-code).name}"
        return lines[-1] if lines else f"ended with exit code {code}"


def check_interpreters(timeout: float = 60.0) -> Finding:
    """Whether interpreters start, work and end at all, in a child process.

    Args:
        timeout: Seconds for each of the three.
    """
    subject = "interpreters"
    try:
        with Child(INTERPRETERS, threading.Event()) as child:
            error = child.load("sys", timeout) or child.finish(timeout)
    except (ChildProcessError, TimeoutError) as death:
        error = str(death) or f"no answer within {timeout:.0f} s"
    if error:
        return failed(subject, error, _fix(error))
    return ok(subject, f"{INTERPRETERS} start, import and end")


class Trial:
    """Tries packages, each in a child of its own. Its methods may run in several threads at once.

    Args:
        timeout: Seconds that the import of one module may take.
        done: Told each module's name when it is done with, for a progress bar.
    """

    def __init__(self, timeout: float, done: Callable[[str], None]) -> None:
        self._timeout = timeout
        self._done = done
        self._stop = threading.Event()

    def stop(self) -> None:
        """Ends the children; `try_package` raises CancelledError where it runs, and from now on."""
        self._stop.set()

    def try_package(self, extensions: Sequence[Extension]) -> list[Finding]:
        """Returns a finding for each of a package's extension modules.

        One more tells if all loaded but the interpreters did not end well.

        Raises:
            CancelledError: `stop` was called.
        """
        rest = list(extensions)
        findings: list[Finding] = []
        while rest:
            with Child(INTERPRETERS, self._stop) as child:
                findings += self._load_until_death(child, rest)
                trouble = "" if rest else child.finish(self._timeout)
            if trouble and all(finding.status is Status.OK for finding in findings):
                package = extensions[0].package
                detail = f"loads, but when the interpreters end: {trouble}"
                findings.append(Finding(package, Status.FAILED, detail, _REPORT, package))
        return findings

    def _load_until_death(self, child: Child, rest: list[Extension]) -> Iterator[Finding]:
        """Takes from `rest` what the child loads, and last the module that it dies of, if any."""
        while rest:
            extension = rest.pop(0)
            error = self._load(child, extension)
            self._done(extension.module)
            if error.text:
                yield self._explain(extension, error.text)
            else:
                yield Finding(extension.module, Status.OK, "", "", extension.package)
            if error.dead:
                return

    def _load(self, child: Child, extension: Extension) -> "_Failure":
        try:
            return _Failure(child.load(extension.module, self._timeout), dead=False)
        except ChildProcessError as death:
            return _Failure(str(death), dead=True)
        except TimeoutError:
            return _Failure(f"no end within {self._timeout:.0f} s", dead=True)

    def _explain(self, extension: Extension, error: str) -> Finding:
        """The finding for a module that failed, beside what plain Python makes of it."""
        with Child(0, self._stop) as child:
            plain = self._load(child, extension).text
        if plain:
            detail = f"fails in plain Python too: {plain}"
            return Finding(extension.module, Status.SKIPPED, detail, "", extension.package)
        return Finding(extension.module, Status.FAILED, error, _fix(error), extension.package)


def _fix(error: str) -> str:
    return _STATIC_TLS if "static TLS" in error else _REPORT


@dataclasses.dataclass(frozen=True, slots=True)
class _Failure:
    text: str  # empty: none
    dead: bool
