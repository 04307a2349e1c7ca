"""Which modules a piece of Python source asks for, found in its syntax tree; nothing is executed.

Found are ``import`` and ``from`` statements, ``__import__`` and ``importlib.import_module`` with
literal arguments (under any name that they were imported as), each with its line and how surely it
is reached: at once, under a condition, inside a function, or for type checkers only.
"""

from __future__ import annotations

import ast
import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FoundImport", "Reach", "find_imports", "resolve"]


class Reach(enum.IntEnum):
    """How surely an import is executed when its module is; the smallest is the surest."""

    ALWAYS = 0
    """A statement of the module itself, or of a class body in it."""
    CONDITIONAL = 1
    """Inside ``if``, ``try``, a loop: it may be missing on purpose."""
    LAZY = 2
    """Inside a function: it is executed when the function is called."""
    TYPES = 3
    """Under ``if TYPE_CHECKING``: never executed."""


@dataclass(frozen=True)
class FoundImport:
    """One import that a source asks for.

    Attributes:
        module: Absolute name of the module.
        member: For ``from module import member``: a module below it or an object in it; else None.
        line: Line of the statement, from 1.
        reach: How surely it is executed.
    """

    module: str
    member: str | None
    line: int
    reach: Reach


def resolve(name: str, package: str, level: int) -> str:
    """The absolute name of a relative one.

    Args:
        name: What stands after the dots; may be empty.
        package: The package that the importing module belongs to.
        level: How many dots; 0 means that the name is absolute already.

    Raises:
        ImportError: The dots lead beyond the topmost package.
    """
    if level == 0:
        return name
    parts = package.split(".") if package else []
    if level > len(parts):
        raise ImportError(
            f"relative import of {'.' * level}{name} leads beyond the topmost package "
            f"{package or '(none)'!r}"
        )
    base = ".".join(parts[: len(parts) - level + 1])
    return f"{base}.{name}" if name else base


def find_imports(source: str, module: str, *, is_package: bool) -> list[FoundImport]:
    """The imports of a module's source, in the order of the text, each once per line.

    Args:
        source: Python source.
        module: Absolute name of the module; relative imports are resolved against it.
        is_package: Whether the module is a package's ``__init__``.

    Raises:
        SyntaxError: The source is no Python of this version.
        ImportError: A relative import leads beyond the topmost package.
    """
    package = module if is_package else module.rpartition(".")[0]
    finder = _Finder(package)
    finder.visit(ast.parse(source))
    return list(dict.fromkeys(finder.found))


class _Finder(ast.NodeVisitor):
    def __init__(self, package: str) -> None:
        self.package = package
        self.found: list[FoundImport] = []
        self._reach = Reach.ALWAYS
        # Names that the source gives to the functions that import at run time.
        self._import_module = {"importlib.import_module"}
        self._dunder_import = {"__import__", "builtins.__import__", "importlib.__import__"}

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, None, node.lineno)
            if alias.name == "importlib" and alias.asname:
                self._import_module.add(f"{alias.asname}.import_module")
                self._dunder_import.add(f"{alias.asname}.__import__")
            if alias.name == "builtins" and alias.asname:
                self._dunder_import.add(f"{alias.asname}.__import__")

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        name = resolve(node.module or "", self.package, node.level)
        for alias in node.names:
            self._add(name, None if alias.name == "*" else alias.name, node.lineno)
            if name == "importlib" and alias.name == "import_module":
                self._import_module.add(alias.asname or alias.name)

    def visit_Call(self, node: ast.Call) -> None:
        called = _dotted(node.func)
        if called in self._import_module:
            self._add_import_module(node)
        elif called in self._dunder_import:
            self._add_dunder_import(node)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self.visit(node.test)
        types_only = _dotted(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}
        self._visit_all(node.body, Reach.TYPES if types_only else Reach.CONDITIONAL)
        self._visit_all(node.orelse, Reach.ALWAYS if types_only else Reach.CONDITIONAL)

    def visit_Try(self, node: ast.Try) -> None:
        # Handlers and bodies alike: one of two alternatives is usually absent.
        self._visit_all([*node.body, *node.handlers, *node.orelse], Reach.CONDITIONAL)
        self._visit_all(node.finalbody, Reach.ALWAYS)

    def visit_While(self, node: ast.While) -> None:
        self._visit_all([node.test, *node.body, *node.orelse], Reach.CONDITIONAL)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all([node.body], Reach.LAZY)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        # Decorators and defaults are executed with the definition.
        self._visit_all([*node.decorator_list, node.args], Reach.ALWAYS)
        self._visit_all(node.body, Reach.LAZY)

    def _visit_all(self, nodes: Sequence[ast.AST], reach: Reach) -> None:
        before = self._reach
        self._reach = max(before, reach)
        for node in nodes:
            self.visit(node)
        self._reach = before

    def _add(self, module: str, member: str | None, line: int) -> None:
        if module:
            self.found.append(FoundImport(module, member, line, self._reach))

    def _add_import_module(self, node: ast.Call) -> None:
        arguments = _literals(node, ("name", "package"))
        name, package = arguments.get("name"), arguments.get("package")
        if not isinstance(name, str):
            return
        level = len(name) - len(name.lstrip("."))
        if level:
            anchor = package if isinstance(package, str) else self.package
            name = resolve(name[level:], anchor, level)
        self._add(name, None, node.lineno)

    def _add_dunder_import(self, node: ast.Call) -> None:
        arguments = _literals(node, ("name", "globals", "locals", "fromlist", "level"))
        name, level = arguments.get("name"), arguments.get("level", 0)
        if not isinstance(name, str) or not isinstance(level, int):
            return
        name = resolve(name, self.package, level)
        members = arguments.get("fromlist") or ()
        self._add(name, None, node.lineno)
        if isinstance(members, (list, tuple)):
            for member in members:
                if isinstance(member, str) and member != "*":
                    self._add(name, member, node.lineno)


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return "?"


def _literals(node: ast.Call, names: tuple[str, ...]) -> dict[str, object]:
    """The arguments of a call whose values stand in the source."""
    given = dict(zip(names, node.args, strict=False))
    given.update({keyword.arg: keyword.value for keyword in node.keywords if keyword.arg})
    values: dict[str, object] = {}
    for name, value in given.items():
        try:
            values[name] = ast.literal_eval(value)
        except (ValueError, TypeError):
            continue
    return values
