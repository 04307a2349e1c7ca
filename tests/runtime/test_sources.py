"""Modules and lines of code that are in no file."""

from __future__ import annotations

import importlib
import linecache
import sys
from typing import TYPE_CHECKING

import pytest

from sesha.runtime import sources

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def finder(monkeypatch: pytest.MonkeyPatch) -> Iterator[sources.SourceFinder]:
    """A finder of this test's own, in place of the interpreter's."""
    own = sources.SourceFinder()
    monkeypatch.setattr(sources, "_finder", own)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    before = set(sys.modules)
    yield own
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_registered_module_is_imported(finder: sources.SourceFinder) -> None:
    """A registered module is imported by its name, and tells its source."""
    sources.register({"remembered_one": "value = 41 + 1\n"})
    module = importlib.import_module("remembered_one")
    assert module.value == 42
    assert finder.get_source("remembered_one") == "value = 41 + 1\n"


@pytest.mark.usefixtures("finder")
def test_name_with_dots_makes_packages() -> None:
    """What stands before a dot becomes a package, unless there is a module of that name."""
    sources.register({"remembered_two.inner.leaf": "name = __name__", "json.added": "value = 1"})
    leaf = importlib.import_module("remembered_two.inner.leaf")
    assert leaf.name == "remembered_two.inner.leaf"
    assert importlib.import_module("remembered_two").__path__ == []
    assert importlib.import_module("json.added").value == 1
    assert importlib.import_module("json").loads("1") == 1
    del importlib.import_module("json").added


@pytest.mark.usefixtures("finder")
def test_registering_again_changes_what_a_reload_gives() -> None:
    """A module that is registered anew is the old one until it is reloaded."""
    sources.register({"remembered_three": "value = 1"})
    module = importlib.import_module("remembered_three")
    sources.register({"remembered_three": "value = 2"})
    assert importlib.import_module("remembered_three").value == 1
    assert importlib.reload(module).value == 2


def test_other_modules_are_left_to_others(finder: sources.SourceFinder) -> None:
    """The finder knows nothing of names that are not registered, and none of their parents."""
    finder.sources["remembered_four.leaf"] = ""
    assert finder.find_spec("remembered") is None
    assert finder.find_spec("json") is None
    assert finder.find_spec("remembered_four") is not None


def test_lines_are_remembered_as_long_as_the_namespace() -> None:
    """Lines that ran in a namespace are there for tracebacks, and go with it."""
    remembered = sources.RememberedSources()
    remembered.add("<one>", "first\nsecond\n")
    remembered.add("<two>", "other")
    linecache.checkcache()
    assert linecache.getline("<one>", 2) == "second\n"
    assert linecache.getline("<two>", 1) == "other"
    del remembered
    assert linecache.getline("<one>", 2) == ""
