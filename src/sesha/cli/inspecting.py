"""`sesha inspect`: shows what a package is, holds and needs, and what its pickles reach for.

Nothing of the package is executed.
"""

import argparse
import dataclasses
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from sesha.cli import output
from sesha.package.allowed import Verdict
from sesha.package.container import Container
from sesha.package.distributions import is_standard_library
from sesha.package.inspection import FoundGlobal, Inspection, MemberInfo, inspect_package
from sesha.package.progress import watched

if TYPE_CHECKING:
    # What argparse's add_subparsers gives has no public name to call at run time.
    from argparse import _SubParsersAction

_STYLES = {
    Verdict.PACKAGE: "green",
    Verdict.EXTERN: "cyan",
    Verdict.ALLOWED: "dim",
    Verdict.CODE: "yellow",
    Verdict.OUTSIDE: "bold red",
    Verdict.DANGEROUS: "bold red",
}
_MANY_TENSORS = 12


def add_command(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `inspect` to the sub-commands."""
    command = commands.add_parser(
        "inspect",
        help="look into a package without running any of it",
        description="Shows a package's manifest, its files and externs, and every global that its "
        "pickles would import or call, read off their opcodes. Flagged is what is neither in the "
        "package, nor extern, nor harmless. Exit code 1 if something is flagged.",
    )
    command.add_argument("package", help="a package, or the folder that one was extracted to")
    command.add_argument(
        "--allow",
        action="append",
        default=[],
        type=output.glob,
        metavar="GLOB",
        help="globals that are fine, such as 'os.path.*'; may be given several times",
    )
    command.add_argument("--tensors", action="store_true", help="list every tensor")
    output.add_json_option(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Inspects and prints; the exit code is 1 if something is flagged."""
    with (
        Container.open(options.package) as container,
        watched(f"inspecting {options.package}", sum(container.sizes.values())) as advance,
    ):
        found = inspect_package(
            container,
            allow=options.allow,
            progress=lambda name: advance(container.sizes[name]),
        )
    if options.json:
        output.print_json(as_json(found))
    else:
        _print(found, all_tensors=options.tensors)
    return 1 if found.flagged or found.problems else 0


def as_json(found: Inspection) -> dict[str, object]:
    """What `--json` prints."""
    manifest = found.manifest
    return {
        "package": found.origin,
        "name": manifest.name,
        "version": manifest.version,
        "python": str(manifest.python),
        "platforms": list(manifest.platforms),
        "signed": found.signed,
        "size": found.size,
        "entry_points": [dataclasses.asdict(each) for each in manifest.entry_points],
        "externs": [dataclasses.asdict(each) for each in manifest.externs],
        "mocks": list(manifest.mocks),
        "modules": [dataclasses.asdict(each) for each in manifest.modules],
        "self_test": manifest.self_test and dataclasses.asdict(manifest.self_test),
        "provenance": dict(manifest.provenance),
        "members": [dataclasses.asdict(each) for each in found.members],
        "tensors": [dataclasses.asdict(each) for each in found.tensors],
        "globals": [
            {**dataclasses.asdict(each), "flagged": each.verdict.flagged} for each in found.globals
        ],
        "problems": [dataclasses.asdict(each) for each in found.problems],
        "flagged": len(found.flagged) + len(found.problems),
    }


def _print(found: Inspection, *, all_tensors: bool) -> None:
    console = output.console()
    console.print(_facts(found))
    console.print(_tree(found))
    if found.tensors:
        console.print(_tensors(found, everything=all_tensors))
    if found.manifest.externs:
        console.print(_externs(found))
    if found.globals:
        console.print(_globals(found))
    for problem in found.problems:
        console.print(f"[bold red]flagged[/] {escape(problem.member)}: {escape(problem.text)}")
    flagged = len(found.flagged) + len(found.problems)
    console.print(f"[bold red]{flagged} flagged[/]" if flagged else "[green]nothing flagged[/]")


def _facts(found: Inspection) -> Table:
    manifest = found.manifest
    table = Table(show_header=False, box=None)
    table.add_row("[bold]package", f"{escape(manifest.name)} {escape(manifest.version)}")
    table.add_row(
        "holds", f"{output.count(len(found.members), 'member')}, {output.size(found.size)}"
    )
    table.add_row("runs on", escape(f"Python {manifest.python}, {_platforms(found)}"))
    points = [f"{each.name} ({each.package}/{each.resource})" for each in manifest.entry_points]
    table.add_row("entry points", escape(", ".join(points) or "none"))
    table.add_row("self-test", "yes" if manifest.self_test else "none")
    table.add_row("signature", "there, not checked here" if found.signed else "none")
    if manifest.mocks:
        table.add_row("mocked", escape(", ".join(manifest.mocks)))
    for key, value in sorted(manifest.provenance.items()):
        table.add_row(f"made with {escape(key)}", escape(value))
    return table


def _platforms(found: Inspection) -> str:
    return ", ".join(found.manifest.platforms) or "any platform"


def _tree(found: Inspection) -> Tree:
    root = Tree(f"[bold]{escape(found.origin)}")
    folders: dict[str, Tree] = {"": root}
    for member in sorted(found.members, key=lambda each: each.name):
        folder, _, name = member.name.rpartition("/")
        _folder(folders, folder).add(_leaf(member, name))
    return root


def _folder(folders: dict[str, Tree], path: str) -> Tree:
    if path not in folders:
        parent, _, name = path.rpartition("/")
        folders[path] = _folder(folders, parent).add(f"[bold]{escape(name)}/")
    return folders[path]


def _leaf(member: MemberInfo, name: str) -> str:
    return f"{escape(name)}  [dim]{member.kind}, {output.size(member.size)}[/]"


def _tensors(found: Inspection, *, everything: bool) -> Table:
    total = output.size(sum(each.size for each in found.tensors))
    table = Table(title=f"{len(found.tensors)} tensors, {total}", title_justify="left")
    for column in ("of", "tensor", "dtype", "shape", "size"):
        table.add_column(column, overflow="fold")
    shown = found.tensors if everything else found.tensors[:_MANY_TENSORS]
    for each in shown:
        shape = "x".join(map(str, each.shape)) or "scalar"
        pickle = each.member.removesuffix(".safetensors")
        table.add_row(escape(pickle), escape(each.name), each.dtype, shape, output.size(each.size))
    if len(shown) < len(found.tensors):
        table.add_row(
            f"… {len(found.tensors) - len(shown)} more: --tensors lists all", "", "", "", ""
        )
    return table


def _externs(found: Inspection) -> Table:
    table = Table(title="externs", title_justify="left")
    for column in ("module", "distribution", "version", "RECORD sha256"):
        table.add_column(column, overflow="fold")
    for each in found.manifest.externs:
        table.add_row(
            escape(each.module),
            escape(each.distribution) or f"[dim]{_whose(each.module)}[/]",
            escape(each.version),
            each.record_sha256[:12],
        )
    return table


def _whose(module: str) -> str:
    return "Python" if is_standard_library(module) else "any, if there at all"


def _globals(found: Inspection) -> Table:
    table = Table(title="what the pickles reach for", title_justify="left")
    for column in ("pickle", "global", "how", "verdict"):
        table.add_column(column, overflow="fold")
    for each in sorted(found.globals, key=lambda each: (not each.verdict.flagged, each.pickle)):
        table.add_row(
            escape(each.pickle),
            escape(_full_name(each)),
            "called" if each.called else "imported",
            f"[{_STYLES[each.verdict]}]{each.verdict}[/]",
        )
    return table


def _full_name(found: FoundGlobal) -> str:
    return f"{found.module}.{found.name}" if found.name else found.module
