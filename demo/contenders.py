"""Who takes part in the comparison: each sets out in a process of its own, to be measured whole.

All work from one package, so what differs between them is who runs it and how. A contender is asked
for the vectors of some sentences, which it gets as one list and gives back as one array. How they
are shared out among its interpreters, threads or processes is its own affair.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import psutil

import sesha
from sesha.package import PackageImporter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Memory:
    """Of all processes of a contender, MiB."""

    private: float
    proportional: float


class Contender(Protocol):
    """Something that embeds sentences."""

    name: str

    def embed(self, sentences: Sequence[str]) -> tuple[Vectors, float]:
        """Return the vectors in order, and the seconds it took."""

    def memory(self) -> Memory:
        """Return what it takes now."""


class Worker:
    """A process that serves requests over a pipe, one at a time, until it is closed."""

    def __init__(self, serve: Callable[[Connection], None]) -> None:
        self._connection, theirs = _SPAWN.Pipe()
        # A daemon: it must not outlive a demo that is interrupted.
        self.process = _SPAWN.Process(target=serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def send(self, request: object) -> None:
        """Ask."""
        self._connection.send(request)

    def receive(self) -> Any:  # noqa: ANN401 - whatever was sent
        """Wait for the answer.

        Raises:
            RuntimeError: The process ended; what it printed says why.
        """
        try:
            return self._connection.recv()
        except EOFError:
            self.process.join()
            raise RuntimeError(
                f"a process of the demo ended with exit code {self.process.exitcode}"
            ) from None

    def close(self) -> None:
        """End the process."""
        if self.process.is_alive():
            self._connection.send(None)
            self.process.join(20)
        self._connection.close()

    def memory(self) -> Memory:
        """Return what the process takes."""
        full = psutil.Process(self.process.pid).memory_full_info()
        return Memory(full.uss / 2**20, full.pss / 2**20)


def _serve_pool(
    package: Path, interpreters: int, threads_each: int, connection: Connection
) -> None:
    """Hold a pool with the package's model, and call it for each sentence."""
    with (
        sesha.Pool(interpreters=interpreters, threads_per_interpreter=threads_each) as pool,
        ThreadPoolExecutor(2) as threads,
    ):
        encode = pool.load(package, warm=True)
        connection.send("ready")
        while (request := connection.recv()) is not None:
            callers, sentences = request
            start = time.perf_counter()
            if callers == 1:
                vectors = [encode(sentence) for sentence in sentences]
            else:
                vectors = list(threads.map(encode, sentences))
            connection.send((np.stack(vectors), time.perf_counter() - start))


def _serve_alone(package: Path, connection: Connection) -> None:
    """Load the package in this process, and do the work here."""
    with PackageImporter(package) as importer:
        encode = importer.load()
        connection.send("ready")
        while (sentences := connection.recv()) is not None:
            connection.send(np.stack([encode(sentence) for sentence in sentences]))


class Interpreters:
    """One process with a pool, and one or two callers."""

    def __init__(self, name: str, worker: Worker, callers: int) -> None:
        self.name = name
        self._worker = worker
        self._callers = callers

    def embed(self, sentences: Sequence[str]) -> tuple[Vectors, float]:
        """See `Contender`; a call for each sentence."""
        self._worker.send((self._callers, list(sentences)))
        vectors, seconds = self._worker.receive()
        return vectors, seconds

    def memory(self) -> Memory:
        """See `Contender`."""
        return self._worker.memory()


class Processes:
    """Processes that share the sentences out beforehand and talk to nobody while they work."""

    def __init__(self, name: str, workers: list[Worker]) -> None:
        self.name = name
        self._workers = workers

    def embed(self, sentences: Sequence[str]) -> tuple[Vectors, float]:
        """See `Contender`."""
        count = len(self._workers)
        start = time.perf_counter()
        for number, worker in enumerate(self._workers):
            worker.send(list(sentences[number::count]))
        parts = [worker.receive() for worker in self._workers]
        vectors = np.empty((len(sentences), parts[0].shape[1]), np.float32)
        for number, part in enumerate(parts):
            vectors[number::count] = part
        return vectors, time.perf_counter() - start

    def memory(self) -> Memory:
        """See `Contender`."""
        each = [worker.memory() for worker in self._workers]
        return Memory(sum(m.private for m in each), sum(m.proportional for m in each))


class Field:
    """All contenders, started; a context manager that ends them.

    Args:
        package: What they load.
    """

    def __init__(self, package: Path) -> None:
        self._package = package
        self._stack = ExitStack()
        self.contenders: list[Contender] = []

    def __enter__(self) -> Self:
        os.environ["OMP_NUM_THREADS"] = "1"
        with self._stack:
            one = self._start(partial(_serve_pool, self._package, 1, 2))
            two = self._start(partial(_serve_pool, self._package, 2, 1))
            alone = [self._start(partial(_serve_alone, self._package)) for _ in range(2)]
            self.contenders = [
                Interpreters("1 interpreter", one, 1),
                Interpreters("1 interpreter, 2 threads", one, 2),
                Interpreters("2 interpreters", two, 2),
                Processes("2 processes", alone),
            ]
            self._stack = self._stack.pop_all()
        return self

    def _start(self, serve: Callable[[Connection], None]) -> Worker:
        worker = Worker(serve)
        self._stack.callback(worker.close)
        worker.receive()
        return worker

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
