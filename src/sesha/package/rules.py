"""What an exporter is told to do with modules: the verbs of torch.package, by globs."""

from __future__ import annotations

from sesha.package.actions import Action
from sesha.package.collecting import Collector, Pattern
from sesha.package.hooks import ActionHook, HookHandle, Hooks
from sesha.package.patterns import GlobGroup, GlobPattern

__all__ = ["ModuleRules"]


class ModuleRules:
    """The first pattern that matches a module decides what becomes of it."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._hooks = Hooks()

    def intern(
        self, include: GlobPattern, *, exclude: GlobPattern = (), allow_empty: bool = True
    ) -> None:
        """Has the modules that globs match go in, and what they need be looked at.

        Args:
            include: Globs over module names; see `patterns.GlobGroup`.
            exclude: Globs that take names out again.
            allow_empty: False makes it an EmptyMatchError if nothing matches until `close`.
        """
        self._add_pattern(include, exclude, Action.INTERN, allow_empty=allow_empty)

    def extern(
        self, include: GlobPattern, *, exclude: GlobPattern = (), allow_empty: bool = True
    ) -> None:
        """Has the modules that globs match be imported where the package is loaded; as `intern`."""
        self._add_pattern(include, exclude, Action.EXTERN, allow_empty=allow_empty)

    def mock(
        self, include: GlobPattern, *, exclude: GlobPattern = (), allow_empty: bool = True
    ) -> None:
        """Has stand-ins take the place of the modules that globs match; as `intern`.

        Anything can be imported from a stand-in; using it raises NotImplementedError.
        """
        self._add_pattern(include, exclude, Action.MOCK, allow_empty=allow_empty)

    def deny(self, include: GlobPattern, *, exclude: GlobPattern = ()) -> None:
        """Makes needing the modules that globs match an error; as `intern`."""
        self._add_pattern(include, exclude, Action.DENY, allow_empty=True)

    def vendor(self, distribution: str) -> None:
        """Has an installed distribution's modules go in as the user's own do.

        Raises:
            ValueError: It isn't installed.
        """
        self._collector.vendor(distribution)

    def register_intern_hook(self, hook: ActionHook) -> HookHandle:
        """Has ``hook(exporter, module_name)`` called for each interned module, in `close`."""
        return self._hooks.register(Action.INTERN, hook)

    def register_extern_hook(self, hook: ActionHook) -> HookHandle:
        """Has ``hook(exporter, module_name)`` called for each extern module, in `close`."""
        return self._hooks.register(Action.EXTERN, hook)

    def register_mock_hook(self, hook: ActionHook) -> HookHandle:
        """Has ``hook(exporter, module_name)`` called for each mocked module, in `close`."""
        return self._hooks.register(Action.MOCK, hook)

    def _add_pattern(
        self, include: GlobPattern, exclude: GlobPattern, action: Action, *, allow_empty: bool
    ) -> None:
        group = GlobGroup(include, exclude=exclude)
        self._collector.patterns.append(Pattern(group, action, allow_empty))
