import textwrap

import pytest

from sesha.package.sources import FoundImport, Reach, find_imports, resolve


def found(source: str, module: str = "pkg.mod", *, is_package: bool = False) -> list[FoundImport]:
    return find_imports(textwrap.dedent(source), module, is_package=is_package)


def names(source: str, module: str = "pkg.mod", *, is_package: bool = False) -> list[str]:
    return [
        f"{each.module}:{each.member}" if each.member else each.module
        for each in found(source, module, is_package=is_package)
    ]


def test_import_statements() -> None:
    """Import and from statements are found with their members."""
    assert names("import a, b.c as d\nfrom e.f import g, h\nfrom i import *\n") == [
        "a",
        "b.c",
        "e.f:g",
        "e.f:h",
        "i",
    ]


def test_relative_imports() -> None:
    """Relative names are resolved against the package that the module is, or lies in."""
    assert names("from . import a") == ["pkg:a"]
    assert names("from .a import b") == ["pkg.a:b"]
    assert names("from . import a", is_package=True) == ["pkg.mod:a"]
    assert names("from .. import a", is_package=True) == ["pkg:a"]


def test_relative_import_beyond_the_top() -> None:
    """Dots that lead beyond the topmost package are an ImportError that names it."""
    with pytest.raises(ImportError, match="'pkg'"):
        names("from ... import a")


@pytest.mark.parametrize(
    "source",
    [
        "import importlib\nimportlib.import_module('x.y')",
        "import importlib as il\nil.import_module('x.y')",
        "from importlib import import_module\nimport_module('x.y')",
        "from importlib import import_module as load\nload(name='x.y')",
        "import importlib\nimportlib.import_module('.y', 'x')",
        "__import__('x.y')",
        "import builtins\nbuiltins.__import__('x.y')",
    ],
)
def test_imports_by_literal_name(source: str) -> None:
    """importlib.import_module and __import__ with literal names are found, however imported."""
    assert "x.y" in names(source)


def test_import_with_fromlist_and_level() -> None:
    """The fromlist and level of __import__ are read, by position and by keyword."""
    assert names("__import__('a', globals(), None, ['b'], 1)") == ["pkg.a", "pkg.a:b"]
    assert names("__import__('a', fromlist=['b'], level=0)") == ["a", "a:b"]


def test_computed_names_are_left_alone() -> None:
    """A name that isn't written in the source is not guessed."""
    assert names("import importlib\nimportlib.import_module(name)\n__import__('a' + b)") == [
        "importlib"
    ]


def test_reach() -> None:
    """Each import tells whether it is executed at once, on a condition, lazily or never."""
    source = """
        import a
        if x:
            import b
        try:
            import c
        except ImportError:
            import d
        def f(g=__import__("e")):
            import h
        if TYPE_CHECKING:
            import i
        class C:
            import j
            def m(self):
                try:
                    import k
                except ImportError:
                    pass
        while x:
            import l
        import typing
        if typing.TYPE_CHECKING:
            import m
        else:
            import n
        with x:
            import o
        n = lambda: __import__("p")
    """
    assert {each.module: each.reach for each in found(source)} == {
        "a": Reach.ALWAYS,
        "b": Reach.CONDITIONAL,
        "c": Reach.CONDITIONAL,
        "d": Reach.CONDITIONAL,
        "e": Reach.ALWAYS,
        "h": Reach.LAZY,
        "i": Reach.TYPES,
        "j": Reach.ALWAYS,
        "k": Reach.LAZY,
        "l": Reach.CONDITIONAL,
        "typing": Reach.ALWAYS,
        "m": Reach.TYPES,
        "n": Reach.ALWAYS,
        "o": Reach.ALWAYS,
        "p": Reach.LAZY,
    }


def test_lines() -> None:
    """Each import has the line of its statement."""
    assert [each.line for each in found("\nimport a\n\n\nimport b\n")] == [2, 5]


def test_broken_source() -> None:
    """What is no Python is a SyntaxError."""
    with pytest.raises(SyntaxError):
        found("import")


def test_resolve() -> None:
    """A name with dots is resolved against a package; an absolute one stays as it is."""
    assert resolve("a", "p.q", 0) == "a"
    assert resolve("a", "p.q", 1) == "p.q.a"
    assert resolve("", "p.q", 2) == "p"
