from pathlib import Path

import pytest

from sesha.package import PackageExporter
from sesha.package.actions import Action
from sesha.package.hooks import Hooks
from tests.package.conftest import Project


@pytest.fixture
def exporter(project: Project, tmp_path: Path) -> PackageExporter:
    """An exporter that has been told of the modules `first`, `second` and `json`."""
    project({"first.py": "import second, json\n", "second.py": "", "third.py": ""})
    made = PackageExporter(tmp_path / "a.sesha")
    made.save_module("first")
    return made


def test_hooks_are_called_once_for_each_module_of_theirs(exporter: PackageExporter) -> None:
    """A hook sees the modules with its action, each once, in the order they were found."""
    hooks, seen = Hooks(), list[str]()
    hooks.register(Action.INTERN, lambda _, name: seen.append(name))
    hooks.register(Action.EXTERN, lambda _, name: seen.append(f"out {name}"))
    hooks.register(Action.MOCK, lambda _, name: seen.append(f"mock {name}"))
    hooks.call(exporter)
    exporter.discard()
    assert seen == ["first", "second", "out json"]


def test_modules_that_a_hook_adds_have_theirs_called(exporter: PackageExporter) -> None:
    """What a hook adds is seen by all hooks, those that were called before included."""
    hooks, seen = Hooks(), list[str]()
    hooks.register(Action.INTERN, lambda _, name: seen.append(name))
    hooks.register(Action.EXTERN, lambda exporter, _: exporter.save_module("third"))
    hooks.call(exporter)
    exporter.discard()
    assert seen == ["first", "second", "third"]


def test_removed_hook_is_not_called(exporter: PackageExporter) -> None:
    """A handle takes out its own hook and no other, however often it is asked to."""
    hooks, seen = Hooks(), list[str]()
    handle = hooks.register(Action.INTERN, lambda _, name: seen.append(f"one {name}"))
    hooks.register(Action.INTERN, lambda _, name: seen.append(f"two {name}"))
    handle.remove()
    handle.remove()
    hooks.register(Action.INTERN, lambda _, name: seen.append(f"three {name}"))
    hooks.call(exporter)
    exporter.discard()
    assert seen == ["two first", "three first", "two second", "three second"]


def test_pickles_have_no_hooks(exporter: PackageExporter) -> None:
    """A pickle is a node of the graph, but no module: no hook is called for it."""
    exporter.save_pickle("saved", "x.pkl", [1])
    hooks, seen = Hooks(), list[str]()
    hooks.register(Action.INTERN, lambda _, name: seen.append(name))
    hooks.call(exporter)
    exporter.discard()
    assert seen == ["first", "second"]
