import builtins
import importlib
from typing import Any

import pytest

from sesha.package import PackageExporter, PackagingError
from sesha.package.analyze import find_first_use_of_broken_modules, trace_dependencies
from sesha.package.tracing import SeenImport, observe
from tests.package.conftest import Project


def test_statements_and_names_are_seen(project: Project) -> None:
    """Every form of import is seen with the module that asks, imported before or not."""
    project(
        {
            "asks.py": """
                import importlib
                from importlib import import_module

                def run():
                    import answers
                    from answers.sub import X
                    importlib.import_module("answers." + "other")
                    import_module(".third", "answers")
                    __import__("json")
            """,
            "answers/__init__.py": "",
            "answers/sub.py": "X = 1\n",
            "answers/other.py": "from . import sub\n",
            "answers/third.py": "",
        }
    )
    run = importlib.import_module("asks").run
    run()
    with observe() as seen:
        run()
    assert {
        SeenImport("asks", "answers"),
        SeenImport("asks", "answers.sub", ("X",)),
        SeenImport("asks", "answers.other"),
        SeenImport("asks", "answers.third"),
        SeenImport("asks", "json"),
    } <= set(seen)


def test_relative_imports_are_absolute(project: Project) -> None:
    """What a module asks for relatively is noted under its full name."""
    project(
        {
            "pkg/__init__.py": "",
            "pkg/a.py": "from . import b\nfrom .b import Y\n",
            "pkg/b.py": "Y = 1\n",
        }
    )
    with observe() as seen:
        importlib.import_module("pkg.a")
    assert SeenImport("pkg.a", "pkg", ("b",)) in seen
    assert SeenImport("pkg.a", "pkg.b", ("Y",)) in seen


def test_everything_is_put_back() -> None:
    """After the block, also one that ends in an exception, imports are what they were."""
    before = (builtins.__import__, importlib._bootstrap._gcd_import)  # type: ignore[attr-defined]
    with pytest.raises(KeyError):
        with observe():
            raise KeyError
    assert (builtins.__import__, importlib._bootstrap._gcd_import) == before  # type: ignore[attr-defined]


def test_trace_dependencies(project: Project) -> None:
    """The modules whose functions run in a call are told, over all inputs."""
    project(
        {
            "entry.py": """
                import left, right

                def run(way):
                    return left.f() if way else right.f()
            """,
            "left.py": "def f():\n    return 1\n",
            "right.py": "def f():\n    return 2\n",
            "never.py": "def f():\n    return 3\n",
        }
    )
    run: Any = importlib.import_module("entry").run
    assert trace_dependencies(run, [(True,)]) == ["entry", "left"]
    assert trace_dependencies(run, [(True,), (False,)]) == ["entry", "left", "right"]


def test_first_use_of_broken_modules(project: Project, tmp_path: Any) -> None:
    """For each module that can't be packaged the chain that leads to it is told."""
    project({"one.py": "import two\n", "two.py": "import three\n", "three.py": ""})
    with pytest.raises(PackagingError) as caught:
        with PackageExporter(tmp_path / "x.sesha") as exporter:
            exporter.deny("three")
            exporter.save_module("one")
    assert find_first_use_of_broken_modules(caught.value) == {"three": ["one", "two", "three"]}
    with pytest.raises(TypeError, match="KeyError"):
        find_first_use_of_broken_modules(KeyError())  # type: ignore[arg-type]
