"""A child process that takes one exercise through all phases.

`python -m tests.compat.trial NAME FILE`: each phase that is over is a line of JSON in FILE, so that
what a crash interrupts is known. In `import`, `alone` and `together` both interpreters work at the
same moment:

1. `start`: the interpreters boot.
2. `import`: both import the package, before the host has. Gives seconds and private memory of each.
3. `alone`: both run the exercise, several rounds.
4. `host`: the host imports the package and runs the exercise; its values are the measure.
5. `together`: both interpreters run it again, and the host too unless the exercise forbids it.
6. `end`: the interpreters end. The process must end well after it, too.
"""

import importlib
import json
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from sesha import Pool
from sesha.runtime.session import Session
from tests.compat.exercise import Exercise, all_exercises

INTERPRETERS = 2
ROUNDS = 3


def load(module: str) -> float:
    """Imports an exercise's module, and its package with it; returns how many seconds that took."""
    begin = time.perf_counter()
    importlib.import_module(module)
    return time.perf_counter() - begin


def run(module: str) -> Any:
    """Runs an exercise; returns its plain values."""
    return importlib.import_module(module).exercise()


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    """Makes each call in a thread of its own, all at the same moment.

    Not in those of an executor: a child that forks off one of them fails when it ends, in plain
    Python too.
    """
    barrier = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)
    errors: list[BaseException] = []

    def make(index: int, call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            results[index] = call()
        except BaseException as error:  # noqa: BLE001 - raised again below
            errors.append(error)

    threads = [threading.Thread(target=make, args=each) for each in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def private_bytes() -> int:
    """Memory of this process that is its own: neither files' pages nor shared ones."""
    for line in Path("/proc/self/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this kernel does not tell a process's anonymous memory")


def go_through(exercise: Exercise, done: Callable[..., None]) -> None:
    """Takes the exercise through the phases; tells `done` of each, with what was found."""
    module = exercise.module
    with Pool(INTERPRETERS) as pool, ExitStack() as stack:
        sessions = [stack.enter_context(pool.session()) for _ in range(INTERPRETERS)]

        def in_each(function: Callable[[str], Any]) -> list[Callable[[], Any]]:
            def call_in(session: Session) -> Callable[[], Any]:
                return lambda: session.run(function, module)

            return [call_in(session) for session in sessions]

        done("start")
        before = private_bytes()
        seconds = at_once(in_each(load))
        private = (private_bytes() - before) // INTERPRETERS
        done("import", seconds=seconds, private_bytes=private)
        results = [result for _ in range(ROUNDS) for result in at_once(in_each(run))]
        done("alone")
        expected = run(module)
        done("host")
        host = [lambda: run(module)] if exercise.beside_host else []
        for _ in range(ROUNDS):
            results += at_once([*in_each(run), *host])
        different = [result for result in results if result != expected]
        text = f"expected {expected!r:.300}, not {different[0]!r:.300}" if different else ""
        done("together", difference=text)
    done("end")


def main(name: str, report: str) -> None:
    """Runs the trial and writes the report; an exception is its last line."""
    (exercise,) = (each for each in all_exercises() if each.name == name)
    with Path(report).open("w", encoding="utf-8") as file:

        def done(phase: str, **facts: Any) -> None:
            print(json.dumps({"phase": phase, **facts}), file=file, flush=True)

        try:
            go_through(exercise, done)
        except BaseException as error:
            reason = "".join(traceback.format_exception_only(error)).strip()
            done("error", reason=reason)
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])
