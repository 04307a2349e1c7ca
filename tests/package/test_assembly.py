import importlib
import sys
import sysconfig
from pathlib import Path, PurePosixPath

import pytest

from sesha.package import PackageExporter, PackageImporter, pack
from sesha.package.actions import Action, Node
from sesha.package.assembly import provenance, python_range
from sesha.package.container import Container
from sesha.package.graph import DependencyGraph
from sesha.package.inspection import inspect_package
from sesha.package.manifest import Extern, Manifest, PythonRange
from tests.package.conftest import Project

THIS = "{}.{}".format(*sys.version_info)
NEXT = f"{sys.version_info[0]}.{sys.version_info[1] + 1}"


def graph(*modules: str) -> DependencyGraph[Node]:
    """A pickle that needs modules, and a source that needs one that nobody may rely on."""
    result: DependencyGraph[Node] = DependencyGraph()
    result.set_node("<saved.x.pkl>", Node(Action.INTERN, is_pickle=True))
    result.set_node("source", Node(Action.INTERN, ""))
    result.add_edge("source", "re._compiler")
    for module in modules:
        result.add_edge("<saved.x.pkl>", module)
    for name in list(result):
        if name not in result.nodes:
            result.set_node(name, Node(Action.EXTERN))
    return result


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ((), PythonRange()),
        (("collections", "pathlib", "_codecs", "_io", "numpy._core"), PythonRange()),
        (("pathlib._local",), PythonRange("3.13", "3.14")),
        (("zoneinfo._zoneinfo",), PythonRange(THIS, NEXT)),
        (("cloudpickle.cloudpickle", "collections"), PythonRange(THIS, NEXT)),
    ],
)
def test_range_follows_what_pickles_name(modules: tuple[str, ...], expected: PythonRange) -> None:
    """Functions by value, and the standard library's private submodules, bind a package."""
    assert python_range(graph(*modules)) == expected


def test_path_is_bound_to_the_python_that_can_read_it(tmp_path: Path) -> None:
    """A packaged path runs on every Python that has its class where this one has it."""
    manifest = pack(PurePosixPath("/a"), tmp_path / "a.sesha")
    moved = sys.version_info[:2] == (3, 13)
    assert manifest.python == (PythonRange("3.13", "3.14") if moved else PythonRange())
    with PackageImporter(tmp_path / "a.sesha") as importer:
        assert importer.load() == PurePosixPath("/a")
    with Container.open(tmp_path / "a.sesha") as container:
        assert inspect_package(container).flagged == ()


def written(folder: Path, project: Project, files: dict[str, str]) -> Manifest:
    """The manifest of a package with the module `main` and what it needs."""
    project(files)
    with PackageExporter(folder / "a.sesha") as exporter:
        exporter.mock("left_out")
        exporter.save_module("main")
        return exporter.close()


def test_modules_are_members_in_their_tree(project: Project, tmp_path: Path) -> None:
    """Sources lie where their names say, and what has modules below it is a package."""
    files = {
        "main.py": "import top.inner.leaf\nimport left_out\n",
        "top/__init__.py": "",
        "top/inner/leaf.py": "",
        "left_out.py": "raise AssertionError\n",
    }
    manifest = written(tmp_path, project, files)
    assert {each.name: each.member for each in manifest.modules} == {
        "_mock": "_mock.py",
        "left_out": "left_out.py",
        "main": "main.py",
        "top": "top/__init__.py",
        "top.inner.leaf": "top/inner/leaf.py",
    }
    assert manifest.mocks == ("left_out",)


def test_only_what_is_always_needed_is_locked(project: Project, tmp_path: Path) -> None:
    """An extern that code does without is declared, but its distribution is not demanded."""
    pytest.importorskip("numpy")
    files = {
        "main.py": "import json\nimport numpy\n\ndef late():\n    import pytest\n",
    }
    externs = {each.module: each for each in written(tmp_path, project, files).externs}
    assert externs["json"] == Extern("json")
    assert externs["pytest"] == Extern("pytest")
    numpy = importlib.import_module("numpy")
    assert (externs["numpy"].distribution, externs["numpy"].version) == (
        "numpy",
        numpy.__version__,
    )
    assert len(externs["numpy"].record_sha256) == 64


def test_provenance_tells_no_time_user_or_path() -> None:
    """A package says which Python and platform wrote it, and nothing else."""
    assert provenance() == {
        "python": sys.version.split()[0],
        "platform": sysconfig.get_platform(),
        "implementation": "cpython",
    }
