"""What the commands on packages print with: one JSON object for programs, rich for people."""

import argparse
import json
import sys

from rich.console import Console

from sesha.package.patterns import GlobGroup

__all__ = ["add_json_option", "console", "count", "glob", "path_glob", "print_json", "size"]

_UNIT = 1024
_PIPE_WIDTH = 160


def glob(text: str) -> str:
    """An argument that is a glob over dotted names; argparse says what is wrong with another."""
    return _glob(text, ".")


def path_glob(text: str) -> str:
    """An argument that is a glob over paths with slashes; one at its end is taken off."""
    return _glob(text.rstrip("/") or text, "/")


def _glob(text: str, separator: str) -> str:
    try:
        GlobGroup(text, separator=separator)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def add_json_option(command: argparse.ArgumentParser) -> None:
    """Adds `--json`, which every command has."""
    command.add_argument("--json", action="store_true", help="print JSON in place of text")


def console() -> Console:
    """Where text goes; a pipe has no width of its own, so tables get a wide one there."""
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    return Console(width=width, highlight=False)


def print_json(document: object) -> None:
    """Prints one JSON object; tuples become lists, enumerations their values."""
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")


def count(number: int, noun: str) -> str:
    """A number of things, such as ``1 module`` or ``2 modules``."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def size(count: int) -> str:
    """A number of bytes, such as ``1.5 MiB``."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < _UNIT:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _UNIT
    return f"{amount:.1f} GiB"
