import sys
from types import ModuleType

import pytest

from sesha.package import EmptyMatchError, GlobGroup
from sesha.package.actions import Action, PackagingErrorReason
from sesha.package.collecting import Collector, Pattern
from sesha.package.importers import sys_importer
from tests.package.conftest import Project


@pytest.fixture
def collector() -> Collector:
    return Collector(sys_importer, strict=False)


def actions(collector: Collector) -> dict[str, Action | None]:
    return {name: node.action for name, node in collector.graph.nodes.items()}


def test_imports_are_followed_to_their_end(project: Project, collector: Collector) -> None:
    """From one module all that it needs is found, parents and members of packages included."""
    project(
        {
            "start.py": "from pack.part import leaf\nimport json.decoder\n",
            "pack/__init__.py": "import side\n",
            "pack/part/__init__.py": "",
            "pack/part/leaf.py": "from . import twig\n",
            "pack/part/twig.py": "",
            "side.py": "",
            "unrelated.py": "",
        }
    )
    collector.need(None, "start")
    interned = [name for name, action in actions(collector).items() if action is Action.INTERN]
    assert sorted(interned) == [
        "pack",
        "pack.part",
        "pack.part.leaf",
        "pack.part.twig",
        "side",
        "start",
    ]
    assert collector.graph.nodes["json.decoder"].extern == "json"
    assert collector.graph.nodes["pack.part.twig"].lines == {"pack.part.leaf": 1}


def test_import_in_a_circle_ends(project: Project, collector: Collector) -> None:
    """Modules that import each other are each taken once."""
    project({"ring_a.py": "import ring_b\n", "ring_b.py": "import ring_a\n"})
    collector.need(None, "ring_a")
    assert list(actions(collector)) == ["ring_a", "ring_b"]


def test_required_is_what_every_use_needs(project: Project, collector: Collector) -> None:
    """Only imports that are executed whenever the importing module is make a module required."""
    project(
        {
            "start.py": "import always\n\ndef f():\n    import late\n",
            "always.py": "try:\n    import tried\nexcept ImportError:\n    pass\n",
            "late.py": "import later\n",
            "later.py": "",
            "tried.py": "",
        }
    )
    collector.add_pickle("<saved.x.pkl>")
    collector.need("<saved.x.pkl>", "start")
    assert {"late", "later", "tried"} <= set(actions(collector))
    assert collector.required() == {"<saved.x.pkl>", "start", "always"}


def test_alternative_that_is_imported_here_is_required(
    project: Project, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of imports that may fail, what this process has imported is taken as needed."""
    project({"start.py": "try:\n    import chosen\nexcept ImportError:\n    import other\n"})
    project({"chosen.py": "", "other.py": ""})
    monkeypatch.setitem(sys.modules, "chosen", ModuleType("chosen"))
    collector.need(None, "start")
    assert collector.required() == {"start", "chosen"}


def test_absent_module_is_an_error_only_if_it_is_required(
    project: Project, collector: Collector
) -> None:
    """What isn't installed may be missing where code can do without it, and nowhere else."""
    project({"start.py": "import gone_one\n\ndef f():\n    import gone_two\n"})
    collector.need(None, "start")
    collector.finish()
    nodes = collector.graph.nodes
    assert nodes["gone_one"].error is PackagingErrorReason.NOT_FOUND
    assert "gone_two" not in nodes or nodes["gone_two"].action is Action.MISSING


def test_source_that_can_not_be_searched_is_an_error(
    project: Project, collector: Collector
) -> None:
    """A module whose source Python can't parse is told with the parser's words."""
    project({"start.py": "import bad_syntax\n", "bad_syntax.py": "def f(:\n"})
    collector.need(None, "start")
    node = collector.graph.nodes["bad_syntax"]
    assert node.error is PackagingErrorReason.DEPENDENCY_RESOLUTION_FAILED
    assert node.context is not None
    assert "syntax" in node.context


def test_extension_of_nobodys_is_an_error(project: Project, collector: Collector) -> None:
    """An extension module that no distribution installed can't go in, and its file is named."""
    folder = project({})
    (folder / "own_extension.abi3.so").write_bytes(b"\x7fELF")
    collector.need(None, "own_extension")
    node = collector.graph.nodes["own_extension"]
    assert node.error is PackagingErrorReason.IS_EXTENSION_MODULE
    assert node.context == f"file: {folder / 'own_extension.abi3.so'}"


def test_installed_code_is_extern_at_its_top(collector: Collector) -> None:
    """A module of a distribution stays outside under the topmost package with a file."""
    collector.need(None, "_pytest.mark.structures")
    node = collector.graph.nodes["_pytest.mark.structures"]
    assert (node.action, node.extern) == (Action.EXTERN, "_pytest")


def test_seen_imports_take_modules_not_objects(
    project: Project, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of what a run took from a package, only what is a module there is added."""
    project({"bag/__init__.py": "VALUE = 1\n", "bag/item.py": "", "bag/rest.py": ""})
    monkeypatch.setitem(sys.modules, "bag.item", ModuleType("bag.item"))
    collector.add_pickle("<saved.x.pkl>")
    collector.need_seen("<saved.x.pkl>", "bag", ("VALUE", "item", "rest"))
    assert set(actions(collector)) == {"<saved.x.pkl>", "bag", "bag.item"}


def test_source_given_later_keeps_the_lines(project: Project, collector: Collector) -> None:
    """Replacing a module's source forgets neither who imports it nor from which line."""
    project({"start.py": "\nimport made\n", "made.py": ""})
    collector.need(None, "start")
    collector.add_source("made", "X = 1\n", is_package=False, follow=True)
    node = collector.graph.nodes["made"]
    assert (node.source, node.lines) == ("X = 1\n", {"start": 2})


def test_unknown_module_can_not_be_saved(collector: Collector) -> None:
    """A module that is named and isn't there is ModuleNotFoundError with its name."""
    with pytest.raises(ModuleNotFoundError, match="no_such_module_here"):
        collector.add_module("no_such_module_here", follow=True)


def test_pattern_that_must_match_is_told(collector: Collector) -> None:
    """A pattern that may not be empty and is, is an error once all is collected."""
    collector.patterns.append(Pattern(GlobGroup("nowhere.**"), Action.MOCK, allow_empty=False))
    with pytest.raises(EmptyMatchError, match=r"nowhere\.\*\*"):
        collector.finish()
    collector.need(None, "nowhere.at.all")
    collector.finish()
    assert collector.graph.nodes["nowhere.at.all"].action is Action.MOCK
