"""Telling interpreters' output apart."""

from __future__ import annotations

import io
import logging

import sesha
from sesha import InterpreterFilter, Pool
from sesha.runtime.output import PrefixedStream
from tests.runtime.scripts import run_script


def test_the_host_is_interpreter_zero(pool: Pool) -> None:
    """The host's index is 0, that of others is what the pool says."""
    assert sesha.current_interpreter() == 0
    assert pool.broadcast(sesha.current_interpreter) == pool.interpreters


def log_line() -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(InterpreterFilter())
    handler.setFormatter(logging.Formatter("%(interpreter)d %(message)s"))
    logger = logging.getLogger("tests")
    logger.addHandler(handler)
    logger.warning("hello")
    logger.removeHandler(handler)
    return stream.getvalue()


def test_log_records_name_their_interpreter(pool: Pool) -> None:
    """The filter adds the interpreter's index to each record."""
    assert log_line() == "0 hello\n"
    assert pool.broadcast(log_line) == [f"{index} hello\n" for index in pool.interpreters]


def test_lines_are_marked_once() -> None:
    """A prefix stands at the start of each line, also of one written in pieces."""
    inner = io.StringIO()
    stream = PrefixedStream(inner, "> ")
    assert stream.write("a") == 1
    stream.write("b\nc\n")
    stream.writelines(["d\n", "e"])
    stream.write("")
    stream.flush()
    assert inner.getvalue() == "> ab\n> c\n> d\n> e"
    assert stream.writable()
    assert not stream.isatty()
    assert stream.getvalue() == inner.getvalue()


def test_output_and_warnings_of_an_interpreter_are_marked() -> None:
    """With stream_prefix, lines on stdout and stderr tell which interpreter wrote them."""
    ended = run_script(
        """
        import warnings
        import sesha
        from tests.runtime import functions
        with sesha.Pool(1, stream_prefix="<{interpreter}> ") as pool:
            pool.run(functions.emit, "one\\ntwo")
            pool.run(warnings.warn, "careful")
            print("host", pool.interpreters)
        """
    )
    assert ended.stdout.splitlines() == ["<1> one", "<1> two", "host [1]"]
    errors = ended.stderr.splitlines()
    assert errors[:2] == ["<1> one", "<1> two"]
    assert all(line.startswith("<1> ") for line in errors)
    assert "careful" in ended.stderr
