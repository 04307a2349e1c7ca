"""`sesha diff`: what differs between two packages."""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sesha.cli import output
from sesha.package.container import Container
from sesha.package.differences import CodeChange, Differences, TensorChange, compare
from sesha.package.progress import watched

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_STYLES = {"added": "green", "removed": "red", "changed": "yellow"}


def add_command(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `diff` to the sub-commands."""
    command = commands.add_parser(
        "diff",
        help="show what differs between two packages",
        description="Compares two packages: manifest, members, lines of code, tensors. Exit code "
        "1 if they differ, as diff has it.",
    )
    command.add_argument("old", help="a package, or an extracted folder")
    command.add_argument("new", help="another")
    command.add_argument(
        "--brief", action="store_true", help="count changed lines, don't show them"
    )
    output.add_json_option(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compares and prints; the exit code is 1 if the packages differ."""
    with (
        Container.open(options.old) as old,
        Container.open(options.new) as new,
        watched("comparing tensors") as progress,
    ):
        found = compare(old, new, progress=progress)
    if options.json:
        output.print_json(as_json(found))
    else:
        _print(found, brief=options.brief)
    return 1 if found else 0


def as_json(found: Differences) -> dict[str, object]:
    """What `--json` prints."""
    return {
        "differ": bool(found),
        "manifest": [dataclasses.asdict(each) for each in found.fields],
        "members": [{**dataclasses.asdict(each), "kind": each.kind} for each in found.members],
        "code": [dataclasses.asdict(each) for each in found.code],
        "tensors": [{**dataclasses.asdict(each), "kind": each.kind} for each in found.tensors],
    }


def _print(found: Differences, *, brief: bool) -> None:
    console = output.console()
    if not found:
        console.print("the packages have the same members and manifest")
        return
    if found.fields:
        table = _table("manifest", "field", "old", "new")
        for each in found.fields:
            table.add_row(escape(each.field), escape(each.old or "-"), escape(each.new or "-"))
        console.print(table)
    if found.members:
        table = _table("members", "member", "change", "old size", "new size")
        for member in found.members:
            sizes = [
                "-" if count is None else output.size(count)
                for count in (member.old_size, member.new_size)
            ]
            table.add_row(escape(member.name), _styled(member.kind), *sizes)
        console.print(table)
    for code in found.code:
        _print_code(console, code, brief=brief)
    if found.tensors:
        _print_tensors(console, found.tensors)


def _print_code(console: Console, code: CodeChange, *, brief: bool) -> None:
    counts = f"[green]+{code.added}[/] [red]-{code.removed}[/]"
    console.print(f"[bold]{escape(code.name)}[/] {counts}")
    if brief:
        return
    for line in code.diff:
        style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
        console.print(escape(line), style=style)


def _print_tensors(console: Console, changes: tuple[TensorChange, ...]) -> None:
    table = _table("tensors", "tensor", "change", "old", "new", "elements", "largest difference")
    for each in changes:
        table.add_row(
            escape(each.name),
            _styled(each.kind),
            escape(each.old or "-"),
            escape(each.new or "-"),
            "" if each.changed is None else str(each.changed),
            "" if each.largest is None else f"{each.largest:.3g}",
        )
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _styled(kind: str) -> str:
    return f"[{_STYLES[kind]}]{kind}[/]"
