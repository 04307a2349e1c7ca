"""What runs inside an interpreter at its start."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading

import sesha

_LOADED = "sys:modules.__contains__"


def test_a_bare_interpreter_has_imported_little() -> None:
    """What takes long to import is not there before a call asks for it."""
    with sesha.Pool(interpreters=1) as pool:
        assert pool.run(_LOADED, "threading")
        for name in ("typing", "re", "enum", "dataclasses", "logging", "pickle", "importlib.util"):
            assert not pool.run(_LOADED, name), name


def test_interpreter_ends_though_it_left_a_pipe_open() -> None:
    """The end of an interpreter closes what is open still, in whichever thread it runs."""
    program = """
import sesha
if __name__ == "__main__":
    with sesha.Pool(1) as pool, pool.session() as session:
        session.exec("import os; os.popen('echo').read()")
    print("ended")
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "MALLOC_PERTURB_": "165"},  # what is used after its end is found out
    )
    assert done.stdout == "ended\n", done.stderr


def _exit_code_of_forked_process() -> int | None:
    threading.current_thread()  # from now on `threading` knows this thread
    process = multiprocessing.get_context("fork").Process(target=int)
    process.start()
    process.join()
    return process.exitcode


def test_forked_processes_end_well(pool: sesha.Pool) -> None:
    """A process that multiprocessing forks off an interpreter ends well, in every thread."""
    codes: list[int | None] = []
    for _ in range(3):
        thread = threading.Thread(
            target=lambda: codes.append(pool.run(_exit_code_of_forked_process))
        )
        thread.start()
        thread.join()
    assert [*codes, pool.run(_exit_code_of_forked_process)] == [0] * 4
