"""Finds everything that a package needs: from modules to the modules that they import.

For each module one action is chosen: by rules that hold always, by the user's patterns (the first
that matches), else, unless the exporter is strict, by where the module comes from. Code of
installed distributions stays outside, what nobody installed is the user's own and goes in.
"""

from __future__ import annotations

import site
import sys
import sysconfig
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING

from sesha.package import distributions, mocks
from sesha.package.actions import Action, EmptyMatchError, Node, PackagingErrorReason
from sesha.package.graph import DependencyGraph
from sesha.package.importers import Importer, Located
from sesha.package.mangling import demangle
from sesha.package.namespace import IMPORTER_NAMES
from sesha.package.sources import FoundImport, Reach, find_imports

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sesha.package.patterns import GlobGroup

__all__ = ["Collector", "Pattern"]

# What loading a package needs anyway: sesha itself, and what its pickles are written with.
_ALWAYS_EXTERN = frozenset({"torch", "sesha", "cloudpickle"})


@dataclass
class Pattern:
    """A rule of the user's.

    Attributes:
        modules: Which modules it is for.
        action: What becomes of them.
        allow_empty: Whether it may match nothing.
        was_matched: Whether it has matched something.
    """

    modules: GlobGroup
    action: Action
    allow_empty: bool = True
    was_matched: bool = False


class Collector:
    """Builds the dependency graph of a package. Used by one thread.

    Args:
        importer: Where modules are looked up.
        strict: Whether a module that no rule is for is an error.
    """

    def __init__(self, importer: Importer, *, strict: bool) -> None:
        self.importer = importer
        self.strict = strict
        self.graph: DependencyGraph[Node] = DependencyGraph()
        self.patterns: list[Pattern] = []
        self.vendored: set[str] = set()
        # Edges that are followed whenever the importing module is executed.
        self._sure: dict[tuple[str, str], bool] = {}
        self._waiting: list[tuple[str, Node]] = []

    def vendor(self, distribution: str) -> None:
        """Treats an installed distribution's modules as the user's own code.

        Raises:
            ValueError: It isn't installed.
        """
        if distributions.find(distribution) is None:
            raise ValueError(
                f"the distribution {distribution!r} is not installed, so it can't be vendored"
            )
        self.vendored.add(distributions.normalized(distribution))

    def add_source(self, name: str, source: str, *, is_package: bool, follow: bool) -> None:
        """Interns a module whose source is given."""
        before = self.graph.nodes.get(name)
        node = Node(Action.INTERN, source, is_package, lines=before.lines if before else {})
        self.graph.set_node(name, node)
        if follow:
            self._waiting.append((name, node))
            self._follow()

    def add_module(self, name: str, *, follow: bool) -> None:
        """Interns a module, whatever the patterns say.

        Raises:
            ModuleNotFoundError: There is no such module.
        """
        name = demangle(name)
        located = self.importer.locate(name)
        if located is None:
            # For the error that names what is missing; also finds what has no spec.
            self.importer.import_module(name)
            located = Importer.locate(self.importer, name)
        if located is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        self._intern(located, follow=follow)
        self._follow()

    def add_pickle(self, name: str) -> None:
        """Adds a pickle; what it needs is added with `need`."""
        self.graph.set_node(name, Node(Action.INTERN, is_pickle=True))

    def need(
        self,
        source: str | None,
        name: str,
        *,
        sure: bool = True,
        line: int = 0,
        follow: bool = True,
    ) -> None:
        """Adds a module that something needs.

        Args:
            source: What needs it: a node of the graph, None if the user does.
            name: The module.
            sure: Whether it is needed whenever `source` is used.
            line: Line of the source that asks for it, 0 if none does.
            follow: Whether what it needs itself is added too.
        """
        self._need(source, demangle(name), sure=sure, line=line, follow=follow)
        self._follow()

    def need_seen(self, source: str, name: str, members: Sequence[str]) -> None:
        """Adds what a run has shown to be imported, members that are modules included."""
        for member in members:
            submodule = f"{demangle(name)}.{member}"
            if submodule in sys.modules and self._exists(submodule):
                self.need(source, submodule)
        if self._exists(demangle(name)):
            self.need(source, name)

    def error(self, name: str, reason: PackagingErrorReason, context: str | None = None) -> None:
        """Marks a node as one that can't be packaged."""
        before = self.graph.nodes.get(name, Node())
        self.graph.set_node(
            name,
            Node(error=reason, context=context, lines=before.lines, is_package=before.is_package),
        )

    def action_by_pattern(self, name: str) -> Action | None:
        """What the user's patterns say of a module."""
        if _is_always_extern(name):
            return None
        for pattern in self.patterns:
            if pattern.modules.matches(name):
                return pattern.action
        return None

    def required(self) -> set[str]:
        """The nodes that are used whenever the package's objects are loaded."""
        roots = [name for name in self.graph if not self.graph.get_rdeps(name)]
        roots += [name for name, node in self.graph.nodes.items() if node.is_pickle]
        seen = set(roots)
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            for target in self.graph.get_deps(name):
                if target not in seen and self._sure.get((name, target)):
                    seen.add(target)
                    waiting.append(target)
        return seen

    def finish(self) -> None:
        """Checks what can only be told when all is collected.

        Raises:
            EmptyMatchError: A pattern that must match something has not.
        """
        if not self.strict:
            for name in self.required():
                node = self.graph.nodes.get(name)
                if node and node.action is Action.MISSING and name not in sys.modules:
                    self.error(name, PackagingErrorReason.NOT_FOUND)
        for pattern in self.patterns:
            if not pattern.allow_empty and not pattern.was_matched:
                raise EmptyMatchError(
                    f"{pattern.modules} matched no module, and has allow_empty=False; take it out, "
                    "or correct the names in it"
                )

    def _need(
        self, source: str | None, name: str, *, sure: bool, line: int = 0, follow: bool = True
    ) -> None:
        if source is not None and source != name:
            self.graph.add_edge(source, name)
            self._sure[source, name] = sure or self._sure.get((source, name), False)
        if name not in self.graph:
            self._decide(name, follow=follow)
        node = self.graph.nodes[name]
        if source is not None and line:
            node.lines.setdefault(source, line)

    def _decide(self, name: str, *, follow: bool) -> None:
        if name in IMPORTER_NAMES or name == mocks.IMPLEMENTATION_MODULE:
            self.graph.set_node(name, Node(Action.SKIP))
            return
        pattern = next((each for each in self.patterns if each.modules.matches(name)), None)
        if pattern is not None:
            pattern.was_matched = True
        if _is_always_extern(name):
            self._extern(name, name.partition(".")[0])
        elif pattern is not None:
            self._act(name, pattern.action, follow=follow)
        elif self.strict:
            self.error(name, PackagingErrorReason.NO_ACTION)
        else:
            self._decide_by_origin(name, follow=follow)

    def _act(self, name: str, action: Action, *, follow: bool) -> None:
        if action is Action.DENY:
            self.error(name, PackagingErrorReason.DENIED)
        elif action is Action.EXTERN:
            self._extern(name, name)
        elif action is Action.MOCK:
            located = self.importer.locate(name)
            is_package = located.is_package if located else True
            self.graph.set_node(name, Node(Action.MOCK, is_package=is_package))
        else:
            located = self.importer.locate(name)
            if located is None:
                self.error(name, PackagingErrorReason.NOT_FOUND)
            else:
                self._intern(located, follow=follow)

    def _decide_by_origin(self, name: str, *, follow: bool) -> None:
        located = self.importer.locate(name)
        if located is None:
            # Modules that others put into sys.modules, such as six.moves, come with their top.
            top = name.partition(".")[0]
            if name in sys.modules and top != name and self._is_installed(top):
                self._extern(name, top)
            else:
                self.graph.set_node(name, Node(Action.MISSING))
            return
        owner = distributions.owner(name, located.origin)
        if owner is not None and distributions.normalized(owner.name) not in self.vendored:
            self._extern(name, self._extern_root(name))
        elif located.source is None and located.origin is None and not located.is_package:
            self._extern(name, name)
        elif owner is None and located.origin is not None and _is_in_site_packages(located.origin):
            self._extern(name, self._extern_root(name))
        else:
            self._intern(located, follow=follow)

    def _is_installed(self, name: str) -> bool:
        located = self.importer.locate(name)
        return located is not None and distributions.owner(name, located.origin) is not None

    def _extern_root(self, name: str) -> str:
        # The topmost parent with a file of its own: above it are namespaces that several
        # distributions share.
        parts = name.split(".")
        for end in range(1, len(parts)):
            root = ".".join(parts[:end])
            located = self.importer.locate(root)
            if located is not None and located.origin is not None:
                return root
        return name

    def _extern(self, name: str, root: str) -> None:
        self.graph.set_node(name, Node(Action.EXTERN, extern=root))

    def _intern(self, located: Located, *, follow: bool) -> None:
        name = located.name
        before = self.graph.nodes.get(name)
        lines = before.lines if before else {}
        is_folder = located.is_package and located.origin is None
        if located.source is None and not is_folder:
            self.error(name, *_why_no_source(located))
            return
        node = Node(Action.INTERN, located.source, located.is_package, lines=lines)
        self.graph.set_node(name, node)
        if follow and located.source is not None:
            self._waiting.append((name, node))
        if not self.strict and "." in name:
            # Importing a module executes its parents.
            self._need(name, name.rpartition(".")[0], sure=True)

    def _follow(self) -> None:
        while self._waiting:
            name, node = self._waiting.pop(0)
            try:
                found = find_imports(node.source or "", name, is_package=node.is_package)
            except (SyntaxError, ImportError, ValueError, RecursionError) as error:
                self.error(name, PackagingErrorReason.DEPENDENCY_RESOLUTION_FAILED, str(error))
                continue
            for each in found:
                if each.reach is not Reach.TYPES or self.strict:
                    self._follow_import(name, each)

    def _follow_import(self, source: str, found: FoundImport) -> None:
        targets = list(self._targets(found))
        for target in targets:
            sure = found.reach is Reach.ALWAYS or (
                found.reach is Reach.CONDITIONAL and target in sys.modules
            )
            self._need(source, target, sure=sure, line=found.line)

    def _targets(self, found: FoundImport) -> Iterable[str]:
        """The modules of an import that exist; an import of none of them is kept if it is rigid."""
        if found.member is not None:
            submodule = f"{found.module}.{found.member}"
            if self._exists(submodule):
                yield submodule
                # torch.package leaves the parent out, which then is empty in the package.
                if self.strict:
                    return
        if self._exists(found.module) or (found.reach is Reach.ALWAYS and not self.strict):
            yield found.module

    def _exists(self, name: str) -> bool:
        node = self.graph.nodes.get(name)
        if node is not None:
            return node.action is not Action.MISSING
        if not self.strict and _is_always_extern(name):
            # Its members need no node of their own.
            return "." not in name or name in sys.modules
        return name in IMPORTER_NAMES or self.importer.locate(name) is not None


def _is_always_extern(name: str) -> bool:
    top = name.partition(".")[0]
    return top in _ALWAYS_EXTERN or distributions.is_standard_library(top)


def _why_no_source(located: Located) -> tuple[PackagingErrorReason, str | None]:
    if located.origin is None:
        return PackagingErrorReason.NO_DUNDER_FILE, None
    if located.origin.endswith(tuple(EXTENSION_SUFFIXES)):
        return PackagingErrorReason.IS_EXTENSION_MODULE, f"file: {located.origin}"
    return PackagingErrorReason.SOURCE_FILE_NOT_FOUND, f"file: {located.origin}"


def _is_in_site_packages(origin: str) -> bool:
    folders = {
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
        *site.getsitepackages(),
    }
    path = Path(origin)
    return any(path.is_relative_to(folder) for folder in folders if folder)
