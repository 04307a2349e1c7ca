"""Arguments of the command `sesha`, and the way to its sub-commands."""

import argparse
import importlib.metadata
import os
import sys
from collections.abc import Sequence

from sesha.cli import (
    converting,
    diffing,
    doctor,
    extracting,
    graphing,
    inspecting,
    packing,
    signing,
    verifying,
)
from sesha.errors import SeshaError

_COMMANDS = (
    doctor,
    packing,
    inspecting,
    graphing,
    diffing,
    extracting,
    verifying,
    signing,
    converting,
)
# What a shell reports for a program that SIGINT ended (128 + 2).
INTERRUPTED = 130


def parser() -> argparse.ArgumentParser:
    """The parser with every sub-command; each sub-command sets `run` to its function."""
    program = argparse.ArgumentParser(
        prog="sesha",
        description="Many complete Pythons in one process, and packages of models for them.",
    )
    program.add_argument(
        "--version", action="version", version=f"sesha {importlib.metadata.version('sesha')}"
    )
    commands = program.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for room in _COMMANDS:
        room.add_command(commands)
    return program


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a sub-command; see `sesha.cli.main`."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader (head, a pager) went away. Python flushes stdout once more at exit: give it
        # a place where that works.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (SeshaError, OSError) as error:
        sys.stderr.write(f"sesha: {_told(error)}\n")
        return 1
    return code


def _told(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)
