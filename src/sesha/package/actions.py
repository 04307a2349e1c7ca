"""What an exporter does with a module, what can keep it from that, and the report of it."""

from __future__ import annotations

import enum
import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sesha.package.errors import PackError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sesha.package.graph import DependencyGraph

__all__ = [
    "Action",
    "EmptyMatchError",
    "Node",
    "PackagingError",
    "PackagingErrorReason",
]


class Action(enum.Enum):
    """What becomes of a module that packaged code or a pickle needs."""

    INTERN = "interned"
    EXTERN = "extern"
    MOCK = "mocked"
    DENY = "denied"
    SKIP = "left out"
    """It comes with every package: the importer itself, the implementation of mocks."""
    MISSING = "missing"
    """It isn't installed here either: an alternative that the code does without."""


class PackagingErrorReason(enum.Enum):
    """Why a dependency can't be packaged."""

    IS_EXTENSION_MODULE = "is an extension module; only Python source can be interned"
    NO_DUNDER_FILE = "has no file"
    SOURCE_FILE_NOT_FOUND = "has no source that can be read"
    DEPENDENCY_RESOLUTION_FAILED = "has source that can't be searched for imports"
    NO_ACTION = "matches no pattern, and strict=True takes no action by default"
    DENIED = "is denied by a pattern"
    MOCKED_BUT_STILL_USED = "is mocked, but a pickle has objects of it"
    NOT_FOUND = "is not found"
    NOT_PICKLABLE = "can't be pickled"

    @property
    def remedy(self) -> str:
        """What to write to get past it; ``{}`` stands for the module."""
        return _REMEDIES[self]


# As many problems of one kind in one package are told as one.
_MANY = 3
_EXTERN = "extern(\"{0}\") (sesha pack --extern '{0}')"
_REMEDIES = {
    PackagingErrorReason.IS_EXTENSION_MODULE: f"{_EXTERN}, and install it where this is loaded",
    PackagingErrorReason.NO_DUNDER_FILE: _EXTERN,
    PackagingErrorReason.SOURCE_FILE_NOT_FOUND: _EXTERN,
    PackagingErrorReason.DEPENDENCY_RESOLUTION_FAILED: f"{_EXTERN}, or mend its source",
    PackagingErrorReason.NO_ACTION: 'intern("{0}"), extern("{0}") or mock("{0}")',
    PackagingErrorReason.DENIED: 'deny(..., exclude="{}"), or take the import out',
    PackagingErrorReason.MOCKED_BUT_STILL_USED: 'mock(..., exclude="{}")',
    PackagingErrorReason.NOT_FOUND: "mock(\"{0}\") (sesha pack --mock '{0}'), or install it",
    PackagingErrorReason.NOT_PICKLABLE: "__reduce__ to its class",
}


@dataclass
class Node:
    """What an exporter knows of a module or pickle.

    Attributes:
        action: What becomes of it; None for what has an error instead.
        source: For an interned module: its source, None if it is only a folder of modules.
        is_package: Whether it can hold submodules.
        error: Why it can't be packaged.
        context: More about that.
        is_pickle: Whether it is a pickle, named `<package.resource>`.
        extern: For an extern: the module that the package declares, itself or a parent.
        lines: Where it is imported: line by importing node.
    """

    action: Action | None = None
    source: str | None = None
    is_package: bool = False
    error: PackagingErrorReason | None = None
    context: str | None = None
    is_pickle: bool = False
    extern: str | None = None
    lines: dict[str, int] = field(default_factory=dict)


class PackagingError(PackError):
    """Dependencies that can't be packaged: all of them, why, and what leads to them.

    Attributes:
        dependency_graph: The whole graph; the nodes in question have an `error`.
    """

    def __init__(self, dependency_graph: DependencyGraph[Node], *, debug: bool = False) -> None:
        self.dependency_graph = dependency_graph
        self.debug = debug
        super().__init__(_report(dependency_graph, debug=debug))

    def __reduce__(self) -> tuple[object, ...]:
        return _restored, (self.dependency_graph, self.debug)


def _restored(graph: DependencyGraph[Node], debug: bool) -> PackagingError:  # noqa: FBT001
    return PackagingError(graph, debug=debug)


class EmptyMatchError(PackError):
    """A pattern with ``allow_empty=False`` has matched no module."""


def broken(graph: DependencyGraph[Node]) -> Mapping[str, Node]:
    """The nodes that can't be packaged."""
    return {name: node for name, node in graph.nodes.items() if node.error is not None}


def _report(graph: DependencyGraph[Node], *, debug: bool) -> str:
    nodes = broken(graph)
    noun = "dependency" if len(nodes) == 1 else "dependencies"
    lines = [f"{len(nodes)} {noun} can't be packaged:"]
    for group in _alike(nodes):
        first, *others = group
        if len(others) >= _MANY and not debug:
            lines += _problem(graph, first, f"{first.partition('.')[0]}.**")
            lines.append(f"    so for {len(others)} more: {', '.join(others[:_MANY])} …")
            continue
        for name in group:
            lines += _problem(graph, name, name)
            if debug:
                lines += [
                    f"    also needed by: {' -> '.join([*graph.first_path(other), name])}"
                    for other in graph.get_rdeps(name)
                ]
    return "\n".join(lines)


def _alike(nodes: Mapping[str, Node]) -> Iterable[list[str]]:
    """The names by what is wrong with them and their top-level package, in order."""
    groups: dict[tuple[object, str], list[str]] = {}
    for name, node in nodes.items():
        groups.setdefault((node.error, name.partition(".")[0]), []).append(name)
    return groups.values()


def _problem(graph: DependencyGraph[Node], name: str, glob: str) -> Iterator[str]:
    """What is wrong with a module, and what to add, for it or for all that a glob matches."""
    node = graph.nodes[name]
    if node.error is None:
        return
    yield f"* {name} {node.error.value}"
    if node.context:
        yield f"    {node.context}"
    chain = graph.first_path(name)
    if len(chain) > 1:
        yield f"    needed by: {' -> '.join(_steps(graph, chain))}"
    yield f"    to go on, add: {node.error.remedy.format(glob)}"


def _steps(graph: DependencyGraph[Node], chain: list[str]) -> list[str]:
    steps = [chain[0]]
    for before, name in itertools.pairwise(chain):
        node = graph.nodes.get(name)
        line = node.lines.get(before) if node else None
        steps.append(f"(line {line}) {name}" if line else name)
    return steps
