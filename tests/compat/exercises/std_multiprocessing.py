"""Computes in processes that are spawned and that are forked, with pipes, queues and shared memory."""

import concurrent.futures
import multiprocessing
from multiprocessing import shared_memory

MADE_WITH = "C"
DISTRIBUTION = ""


def _square(number: int) -> int:
    return number * number


def _write(name: str) -> None:
    memory = shared_memory.SharedMemory(name)
    memory.buf[0] = 42
    memory.close()


def exercise() -> object:
    results = {}
    for method in ("spawn", "forkserver", "fork"):
        context = multiprocessing.get_context(method)
        with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
            results[method] = list(pool.map(_square, range(5)))
    memory = shared_memory.SharedMemory(create=True, size=16)
    process = multiprocessing.get_context("fork").Process(target=_write, args=(memory.name,))
    process.start()
    process.join()
    value = memory.buf[0]
    memory.close()
    memory.unlink()
    return results, process.exitcode, value
