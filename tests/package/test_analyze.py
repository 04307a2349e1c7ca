import importlib
from pathlib import Path

import pytest

from sesha.package import PackageExporter, PackageImporter, PackagingError, analyze
from tests.package.conftest import Project


def test_first_use_of_what_can_not_be_packaged(project: Project, tmp_path: Path) -> None:
    """Each module in question comes with the shortest chain of imports that leads to it."""
    project({"one.py": "import two\n", "two.py": "import three\n", "three.py": ""})
    with pytest.raises(PackagingError) as caught, PackageExporter(tmp_path / "a.sesha") as exporter:
        exporter.deny("three")
        exporter.save_module("one")
    assert analyze.find_first_use_of_broken_modules(caught.value) == {
        "three": ["one", "two", "three"]
    }


def test_only_packaging_errors_are_analysed() -> None:
    """Another exception has no graph, and is a TypeError that names its kind."""
    with pytest.raises(TypeError, match="KeyError"):
        analyze.find_first_use_of_broken_modules(KeyError("x"))  # type: ignore[arg-type]


def test_is_from_package(project: Project, tmp_path: Path) -> None:
    """Objects, classes and modules of an opened package are told from all others."""
    project({"thing.py": "class Thing:\n    pass\n"})
    thing = importlib.import_module("thing")
    with PackageExporter(tmp_path / "a.sesha") as exporter:
        exporter.save_pickle("saved", "x.pkl", thing.Thing())
    with PackageImporter(tmp_path / "a.sesha") as importer:
        loaded = importer.load_pickle("saved", "x.pkl")
        assert analyze.is_from_package(loaded)
        assert analyze.is_from_package(type(loaded))
        assert analyze.is_from_package(importer.import_module("thing"))
    for other in (thing, thing.Thing, thing.Thing(), 1, len):
        assert not analyze.is_from_package(other)


def test_traced_dependencies_are_the_modules_that_ran(project: Project) -> None:
    """Tracing a call tells whose functions it executed, not who was merely imported."""
    project(
        {
            "outer.py": "import inner, idle\n\ndef f(x):\n    return inner.g(x)\n",
            "inner.py": "def g(x):\n    return x\n",
            "idle.py": "def h():\n    pass\n",
        }
    )
    f = importlib.import_module("outer").f
    assert analyze.trace_dependencies(f, [(1,), (2,)]) == ["inner", "outer"]
