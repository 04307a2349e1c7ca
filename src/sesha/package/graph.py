"""What needs what in a package: modules and pickles as nodes, "depends on" as edges.

Nodes keep the order in which they were first met, so that answers are the same in every run.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["DependencyGraph"]

NodeData = TypeVar("NodeData")


class DependencyGraph(Generic[NodeData]):
    """A directed graph over names, with data of the caller's at each node. Not thread-safe."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeData] = {}
        self._successors: dict[str, dict[str, None]] = {}
        self._predecessors: dict[str, dict[str, None]] = {}

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    def set_node(self, name: str, data: NodeData) -> None:
        """Adds a node or gives one new data."""
        self.nodes[name] = data

    def add_edge(self, source: str, target: str) -> None:
        """Notes that ``source`` depends on ``target``; either may get its data later."""
        self._successors.setdefault(source, {})[target] = None
        self._predecessors.setdefault(target, {})[source] = None

    @property
    def edges(self) -> Iterator[tuple[str, str]]:
        """All edges, in the order in which they were added."""
        for source, targets in self._successors.items():
            for target in targets:
                yield source, target

    def get_deps(self, name: str) -> list[str]:
        """What a node depends on directly; empty for an unknown name."""
        return list(self._successors.get(name, ()))

    def get_rdeps(self, name: str) -> list[str]:
        """What depends on a node directly; empty for an unknown name."""
        return list(self._predecessors.get(name, ()))

    def reachable(self, start: str) -> set[str]:
        """Everything that a node depends on, directly or not, itself included."""
        return self._closure(start, self._successors)

    def first_path(self, target: str) -> list[str]:
        """A shortest chain from a node that nothing depends on to ``target``: why it is here.

        A node on a cycle that nothing leads into is its own chain. Of chains of equal length the
        one that was found first is given.
        """
        came_from: dict[str, str | None] = {target: None}
        waiting = deque([target])
        while waiting:
            name = waiting.popleft()
            before = self._predecessors.get(name, {})
            if not before:
                path = []
                step: str | None = name
                while step is not None:
                    path.append(step)
                    step = came_from[step]
                return path
            for predecessor in before:
                if predecessor not in came_from:
                    came_from[predecessor] = name
                    waiting.append(predecessor)
        return [target]

    def paths_between(self, source: str, target: str) -> list[tuple[str, str]]:
        """The edges of all paths from one node to another; empty if there is none."""
        forward = self._closure(source, self._successors)
        backward = self._closure(target, self._predecessors)
        inside = forward & backward
        if source not in inside or target not in inside:
            return []
        return [(a, b) for a, b in self.edges if a in inside and b in inside]

    def all_paths(self, source: str, target: str) -> str:
        """The paths from one node to another as DOT."""
        return _dot(self.paths_between(source, target))

    def to_dot(self) -> str:
        """The whole graph as DOT, the language of Graphviz."""
        return _dot(self.edges)

    @staticmethod
    def _closure(start: str, edges: dict[str, dict[str, None]]) -> set[str]:
        seen = {start}
        waiting = [start]
        while waiting:
            for name in edges.get(waiting.pop(), ()):
                if name not in seen:
                    seen.add(name)
                    waiting.append(name)
        return seen


def _dot(edges: Iterable[tuple[str, str]]) -> str:
    lines = [f"  {_quoted(source)} -> {_quoted(target)};" for source, target in edges]
    return "\n".join(["digraph G {", "  rankdir = LR;", "  node [shape=box];", *lines, "}", ""])


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
