"""What an exporter has collected, as members and as parts of the manifest."""

from __future__ import annotations

import platform
import sys
import sysconfig
from typing import TYPE_CHECKING

from sesha.package import distributions, mocks
from sesha.package.actions import Action, Node
from sesha.package.importers import sys_importer
from sesha.package.manifest import Extern, Module, PythonRange

if TYPE_CHECKING:
    from sesha.package.collecting import Collector
    from sesha.package.graph import DependencyGraph
    from sesha.package.writer import ContainerWriter

__all__ = ["externs", "provenance", "python_range", "write_modules"]


def write_modules(graph: DependencyGraph[Node], writer: ContainerWriter) -> list[Module]:
    """Writes the sources of interned modules and the stand-ins of mocked ones, sorted by name."""
    sources: dict[str, tuple[str, bool]] = {}
    for name, node in graph.nodes.items():
        if node.action is Action.INTERN and node.source is not None:
            sources[name] = (node.source, node.is_package)
        elif node.action is Action.MOCK:
            sources[name] = (mocks.MODULE, node.is_package)
    has_mocks = any(node.action is Action.MOCK for node in graph.nodes.values())
    if has_mocks or mocks.IMPLEMENTATION_MODULE in graph:
        sources[mocks.IMPLEMENTATION_MODULE] = (mocks.IMPLEMENTATION, False)
    parents = {name[:end] for name in sources for end in range(len(name)) if name[end] == "."}
    modules = []
    for name, (source, declared) in sorted(sources.items()):
        # What others lie below is a package, whatever it was called.
        is_package = declared or name in parents
        path = name.replace(".", "/")
        member = f"{path}/__init__.py" if is_package else f"{path}.py"
        writer.add(member, source.encode("utf-8", "surrogatepass"))
        modules.append(Module(name, member, is_package))
    return modules


def externs(collector: Collector) -> tuple[Extern, ...]:
    """The modules that stay outside; those that are always needed with their distributions."""
    required = collector.required()
    found: dict[str, bool] = {}
    for name, node in collector.graph.nodes.items():
        if node.action is Action.EXTERN:
            root = node.extern or name
            found[root] = found.get(root, False) or name in required
    return tuple(
        _locked(root, is_required=is_required) for root, is_required in sorted(found.items())
    )


# Private modules of the standard library that pickles name, and the Pythons that have them.
_KNOWN = {"pathlib._local": PythonRange("3.13", "3.14")}


def python_range(graph: DependencyGraph[Node]) -> PythonRange:
    """The Pythons that the package's pickles can be loaded by.

    Only this one, if functions went in by value: those are byte code, which each version of Python
    has its own of. So too for a class that the standard library keeps in a private submodule, which
    it moves as it likes; a pickle names where its class was.
    """
    pickles = [name for name, node in graph.nodes.items() if node.is_pickle]
    reached = {module for name in pickles for module in graph.get_deps(name)}
    result = PythonRange()
    for module in reached:
        if module == "cloudpickle.cloudpickle":
            result = result.both(_this_python())
        elif distributions.is_standard_library(module) and "._" in module:
            result = result.both(_KNOWN.get(module) or _this_python())
    return result


def _this_python() -> PythonRange:
    major, minor = sys.version_info[:2]
    return PythonRange(f"{major}.{minor}", f"{major}.{minor + 1}")


def provenance() -> dict[str, str]:
    """What wrote the package."""
    return {
        "python": platform.python_version(),
        "platform": sysconfig.get_platform(),
        "implementation": sys.implementation.name,
    }


def _locked(module: str, *, is_required: bool) -> Extern:
    # What the code may do without is allowed, but not demanded of who loads the package.
    if not is_required or distributions.is_standard_library(module):
        return Extern(module)
    located = sys_importer.locate(module)
    owner = distributions.owner(module, located.origin) if located else None
    if owner is None:
        return Extern(module)
    return Extern(module, owner.name, owner.version, owner.record or "")
