"""Why each module is in a package: what its entry points, pickles and modules need, as one graph.

Found in the package alone: in its pickles' opcodes and its sources' imports. Nothing is executed.
What a program imports only while it runs, under a name that no source spells out, is in the package
without a chain that leads to it.
"""

import itertools
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sesha.package.errors import PackageError, PickleError
from sesha.package.graph import DependencyGraph
from sesha.package.opcodes import scan_opcodes
from sesha.package.sources import Reach, find_imports

if TYPE_CHECKING:
    from sesha.package.container import Container
    from sesha.package.manifest import Manifest

__all__ = ["Dependencies", "Step", "read_dependencies"]

# What the format calls a node of the graph; the order is that in which they are drawn.
KINDS = ("entry point", "pickle", "module", "extern", "standard library", "missing")


@dataclass(frozen=True)
class Step:
    """One edge: `source` needs `target`; `line` of its source says so, 0 if it is no source."""

    source: str
    target: str
    line: int


@dataclass
class Dependencies:
    """The graph of a package. Its nodes' data is their kind, one of `KINDS`.

    Entry points are named ``entry point NAME``, pickles by their members, the rest are modules.
    """

    graph: DependencyGraph[str] = field(default_factory=DependencyGraph)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, source: str, target: str, line: int = 0) -> None:
        """Notes that one needs the other."""
        if source != target:
            self.graph.add_edge(source, target)
            self.lines.setdefault((source, target), line)

    @property
    def steps(self) -> Iterator[Step]:
        """All edges."""
        for source, target in self.graph.edges:
            yield Step(source, target, self.lines[source, target])

    def why(self, name: str) -> list[Step]:
        """A shortest chain from an entry point, or else from another root, to a module.

        Empty if nothing leads to it.

        Raises:
            PackageError: The package has nothing to do with that name.
        """
        if name not in self.graph:
            raise PackageError(f"the package has nothing named {name!r}, nor needs it")
        roots = [node for node, kind in self.graph.nodes.items() if kind == "entry point"]
        chain = self._from(roots, name) or self.graph.first_path(name)
        return [
            Step(source, target, self.lines[source, target])
            for source, target in itertools.pairwise(chain)
        ]

    def _from(self, roots: list[str], target: str) -> list[str]:
        came_from: dict[str, str | None] = dict.fromkeys(roots)
        waiting = deque(roots)
        while waiting:
            name = waiting.popleft()
            if name == target:
                chain = [name]
                while (before := came_from[chain[-1]]) is not None:
                    chain.append(before)
                return chain[::-1]
            for following in self.graph.get_deps(name):
                if following not in came_from:
                    came_from[following] = name
                    waiting.append(following)
        return []

    def without(self, *kinds: str) -> "Dependencies":
        """The graph without nodes of some kinds."""
        rest = Dependencies()
        for name, kind in self.graph.nodes.items():
            if kind not in kinds:
                rest.graph.set_node(name, kind)
        for step in self.steps:
            if step.source in rest.graph and step.target in rest.graph:
                rest.add(step.source, step.target, step.line)
        return rest

    def between(self, target: str) -> "Dependencies":
        """Only what lies on a way from an entry point to `target`."""
        rest = Dependencies()
        for root, kind in self.graph.nodes.items():
            if kind != "entry point":
                continue
            for source, following in self.graph.paths_between(root, target):
                for name in (source, following):
                    rest.graph.set_node(name, self.graph.nodes[name])
                rest.add(source, following, self.lines[source, following])
        return rest


def read_dependencies(container: "Container") -> Dependencies:
    """The graph of an opened package.

    Raises:
        FormatError: A source or pickle is damaged.
        OSError: The file can't be read.
    """
    manifest = container.manifest
    names = _Names(manifest)
    found = Dependencies()
    for point in manifest.entry_points:
        folder = f"{point.package.replace('.', '/')}/" if point.package else ""
        found.graph.set_node(f"entry point {point.name}", "entry point")
        found.graph.set_node(folder + point.resource, "pickle")
        found.add(f"entry point {point.name}", folder + point.resource)
    for member in (each.member for each in manifest.resources if each.kind == "pickle"):
        found.graph.set_node(member, "pickle")
        _add_pickle(container, member, names, found)
    for module in manifest.modules:
        found.graph.set_node(module.name, "module")
    for module in manifest.modules:
        parent = module.name.rpartition(".")[0]
        if parent in names.modules:
            found.add(module.name, parent)
        source = container.read(module.member).decode("utf-8", "replace")
        try:
            imports = find_imports(source, module.name, is_package=module.is_package)
        except (SyntaxError, ImportError, RecursionError) as error:
            raise PackageError(f"{module.member} can't be read as Python: {error}") from error
        for each in imports:
            if each.reach is not Reach.TYPES:
                target, kind = names.target(each.module, each.member)
                found.graph.set_node(target, kind)
                found.add(module.name, target, each.line)
    return found


def _add_pickle(container: "Container", member: str, names: "_Names", found: Dependencies) -> None:
    try:
        scan = scan_opcodes(container.read(member))
    except PickleError as error:
        raise PickleError(f"{member}: {error}") from error
    for each in scan.globals:
        target, kind = names.target(each.module, None)
        found.graph.set_node(target, kind)
        found.add(member, target)


class _Names:
    """What a module's name means in a package."""

    def __init__(self, manifest: "Manifest") -> None:
        self.modules = {module.name for module in manifest.modules}
        self._externs = {extern.module for extern in manifest.externs}

    def target(self, module: str, member: str | None) -> tuple[str, str]:
        """Node and kind of what an import asks for."""
        for name in (f"{module}.{member}", module) if member else (module,):
            if name in self.modules:
                return name, "module"
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names:
            return top, "standard library"
        name = module
        while name:
            if name in self._externs:
                return name, "extern"
            name = name.rpartition(".")[0]
        return module, "missing"
