"""Answers about packages and what keeps something from becoming one."""

from __future__ import annotations

from sesha.package.actions import PackagingError, broken
from sesha.package.importer import is_from_package
from sesha.package.tracing import trace_dependencies

__all__ = ["find_first_use_of_broken_modules", "is_from_package", "trace_dependencies"]


def find_first_use_of_broken_modules(exc: PackagingError) -> dict[str, list[str]]:
    """For each dependency that can't be packaged the chain that leads to it, itself at the end.

    Raises:
        TypeError: `exc` is another exception.
    """
    if not isinstance(exc, PackagingError):
        raise TypeError(f"a {type(exc).__qualname__} is not a PackagingError")
    graph = exc.dependency_graph
    return {name: graph.first_path(name) for name in broken(graph)}
