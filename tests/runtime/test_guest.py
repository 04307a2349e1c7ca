from __future__ import annotations

import multiprocessing
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sesha


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
