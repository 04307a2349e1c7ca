"""Functions that an exporter calls for each module, by what becomes of the module."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sesha.package.actions import Action

if TYPE_CHECKING:
    from sesha.package.exporter import PackageExporter

__all__ = ["ActionHook", "HookHandle", "Hooks"]

ActionHook = Callable[["PackageExporter", str], None]


class HookHandle:
    """A registered hook; `remove` takes it out."""

    def __init__(self, hooks: dict[int, ActionHook], hook: ActionHook) -> None:
        self._hooks = hooks
        self._key = max(hooks, default=0) + 1
        hooks[self._key] = hook

    def remove(self) -> None:
        """Takes the hook out; does nothing the second time."""
        self._hooks.pop(self._key, None)


class Hooks:
    """The hooks of one exporter, in the order in which they were registered."""

    def __init__(self) -> None:
        self._hooks: dict[Action, dict[int, ActionHook]] = {
            Action.EXTERN: {},
            Action.MOCK: {},
            Action.INTERN: {},
        }

    def register(self, action: Action, hook: ActionHook) -> HookHandle:
        """Has a hook called for the modules with an action."""
        return HookHandle(self._hooks[action], hook)

    def call(self, exporter: PackageExporter) -> None:
        """Calls every hook once for each module that it is for.

        A hook may add modules, which then have their hooks called too.
        """
        called: set[tuple[Action, str]] = set()
        while True:
            due = [
                (node.action, name)
                for name, node in exporter.dependency_graph.nodes.items()
                if node.action in self._hooks
                and not node.is_pickle
                and (node.action, name) not in called
            ]
            if not due:
                return
            for action, name in due:
                called.add((action, name))
                for hook in list(self._hooks[action].values()):
                    hook(exporter, name)
