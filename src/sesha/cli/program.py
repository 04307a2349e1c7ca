"""Arguments of the command `sesha`, and the way to its sub-commands."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from sesha.errors import SeshaError

_COMMANDS = {
    "doctor": "doctor",
    "pack": "packing",
    "inspect": "inspecting",
    "graph": "graphing",
    "diff": "diffing",
    "extract": "extracting",
    "verify": "verifying",
    "sign": "signing",
    "convert": "converting",
}
"""The module of `sesha.cli` that has each sub-command."""
# What a shell reports for a program that SIGINT ended (128 + 2).
INTERRUPTED = 130


class _Version(argparse.Action):
    """Prints the version; looked up only then, since that takes longer than some commands."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415 - see above

        sys.stdout.write(f"sesha {version('sesha')}\n")
        parser.exit()


def parser(command: str | None = None) -> argparse.ArgumentParser:
    """The parser with every sub-command, or with one; each sets `run` to its function."""
    program = argparse.ArgumentParser(
        prog="sesha",
        description="Many complete Pythons in one process, and packages of models for them.",
    )
    program.add_argument(
        "--version", action=_Version, nargs=0, help="show program's version number and exit"
    )
    commands = program.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for room in _COMMANDS.values() if command is None else [_COMMANDS[command]]:
        importlib.import_module(f"sesha.cli.{room}").add_command(commands)
    return program


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a sub-command; see `sesha.cli.main`."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    # The modules of the others need not be imported.
    command = given[0] if given and given[0] in _COMMANDS else None
    options = parser(command).parse_args(given)
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
