"""`sesha graph`: why each module is in a package, as text, DOT or SVG."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.tree import Tree

from sesha.cli import output
from sesha.package.container import Container
from sesha.package.dependencies import KINDS, Dependencies, Step, read_dependencies

if TYPE_CHECKING:
    from argparse import _SubParsersAction

_STYLES = {
    "entry point": "bold",
    "pickle": "magenta",
    "module": "green",
    "extern": "cyan",
    "standard library": "dim",
    "missing": "red",
}


def add_command(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `graph` to the sub-commands."""
    command = commands.add_parser(
        "graph",
        help="show why each module is in a package",
        description="Shows what a package's entry points, pickles and modules need of each other, "
        "read from its sources and pickles; nothing is executed.",
    )
    command.add_argument("package", help="a package, or the folder that one was extracted to")
    command.add_argument("--why", metavar="MODULE", help="only what leads to this module")
    command.add_argument(
        "--format", choices=("text", "dot", "svg"), help="text by default, else by --output's name"
    )
    command.add_argument("-o", "--output", type=Path, metavar="FILE", help="where it goes")
    command.add_argument(
        "--externs", action="store_true", help="with the externs and what is missing"
    )
    command.add_argument(
        "--standard-library", action="store_true", help="with the standard library's modules"
    )
    output.add_json_option(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Prints or writes the graph."""
    with Container.open(options.package) as container:
        found = read_dependencies(container)
    chain = found.why(options.why) if options.why else None
    if not options.why:
        if not options.standard_library:
            found = found.without("standard library")
        if not options.externs:
            found = found.without("extern", "missing")
    else:
        found = found.between(options.why)
    form = options.format or _form_of(options.output)
    if options.json:
        text = ""
        output.print_json(as_json(found, chain))
    elif form == "text":
        return _print(found, chain)
    else:
        text = _drawn(found, form)
    if options.output is not None:
        options.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0


def _form_of(file: Path | None) -> str:
    suffix = file.suffix.lower() if file is not None else ""
    return {".svg": "svg", ".dot": "dot", ".gv": "dot"}.get(suffix, "text")


def _drawn(found: Dependencies, form: str) -> str:
    if form == "dot":
        return found.graph.to_dot()
    from sesha.package.drawing import svg  # noqa: PLC0415 - xml is for this alone

    return svg(found)


def as_json(found: Dependencies, chain: list[Step] | None) -> dict[str, object]:
    """What `--json` prints."""
    document: dict[str, object] = {
        "nodes": [{"name": name, "kind": kind} for name, kind in found.graph.nodes.items()],
        "edges": [_edge(step) for step in found.steps],
    }
    if chain is not None:
        document["why"] = [_edge(step) for step in chain]
    return document


def _edge(step: Step) -> dict[str, object]:
    return {"source": step.source, "target": step.target, "line": step.line or None}


def _print(found: Dependencies, chain: list[Step] | None) -> int:
    console = output.console()
    if chain is not None:
        for step in chain:
            where = f", line {step.line}" if step.line else ""
            console.print(f"{escape(step.source)}{where} needs [bold]{escape(step.target)}[/]")
        if not chain:
            console.print(
                "nothing in the sources leads to it: it was imported while the example ran"
            )
        return 0
    shown: set[str] = set()
    kinds = found.graph.nodes
    for root in sorted(kinds, key=lambda name: KINDS.index(kinds[name])):
        if root not in shown and (kinds[root] == "entry point" or not found.graph.get_rdeps(root)):
            console.print(_tree(found, root, shown))
    for name in kinds:
        # On a cycle that nothing leads into.
        if name not in shown:
            console.print(_tree(found, name, shown))
    return 0


def _tree(found: Dependencies, root: str, shown: set[str]) -> Tree:
    """What a node needs; each node's own needs are shown once. Deep graphs don't recurse."""
    kinds = found.graph.nodes
    tree = Tree(_label(root, kinds[root]))
    waiting = [(root, tree)]
    shown.add(root)
    while waiting:
        name, branch = waiting.pop(0)
        for target in found.graph.get_deps(name):
            again = target in shown and bool(found.graph.get_deps(target))
            below = branch.add(_label(target, kinds[target]) + (" [dim]…[/]" if again else ""))
            if target not in shown:
                shown.add(target)
                waiting.append((target, below))
    return tree


def _label(name: str, kind: str) -> str:
    return f"[{_STYLES[kind]}]{escape(name)}[/]"
