"""What is known of a package that is being written: which modules it needs, and why."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from sesha.package.actions import Action, Node, PackagingErrorReason

if TYPE_CHECKING:
    from sesha.package.graph import DependencyGraph

__all__ = ["DependencyQueries"]


class DependencyQueries(ABC):
    """torch.package's questions about the dependency graph, answered for what it holds so far."""

    @property
    @abstractmethod
    def dependency_graph(self) -> DependencyGraph[Node]:
        """What needs what, so far."""

    def dependency_graph_string(self) -> str:
        """The dependency graph as DOT."""
        return self.dependency_graph.to_dot()

    def interned_modules(self) -> list[str]:
        """The modules that go in, so far."""
        return self._with_action(Action.INTERN)

    def externed_modules(self) -> list[str]:
        """The modules that stay outside, so far."""
        return self._with_action(Action.EXTERN)

    def mocked_modules(self) -> list[str]:
        """The modules that stand-ins take the place of, so far."""
        return self._with_action(Action.MOCK)

    def denied_modules(self) -> list[str]:
        """The modules that are needed, but denied, so far."""
        return sorted(
            name
            for name, node in self.dependency_graph.nodes.items()
            if node.error is PackagingErrorReason.DENIED
        )

    def get_rdeps(self, module_name: str) -> list[str]:
        """What depends on a module directly."""
        return self.dependency_graph.get_rdeps(module_name)

    def all_paths(self, src: str, dst: str) -> str:
        """All chains from one module to another, as DOT."""
        return self.dependency_graph.all_paths(src, dst)

    def _with_action(self, action: Action) -> list[str]:
        return sorted(
            name
            for name, node in self.dependency_graph.nodes.items()
            if node.action is action and not node.is_pickle
        )
