import pytest

from sesha.package.actions import Action
from sesha.package.collecting import Collector
from sesha.package.importers import sys_importer
from sesha.package.rules import ModuleRules


@pytest.fixture
def collector() -> Collector:
    return Collector(sys_importer, strict=True)


def test_each_verb_gives_its_action(collector: Collector) -> None:
    """The four verbs note patterns with their actions, excluded names taken out."""
    rules = ModuleRules(collector)
    rules.intern("one.**", exclude="one.not.**")
    rules.extern(["two", "three.*"])
    rules.mock("four")
    rules.deny("five", exclude=["six"])
    expected = {
        "one": Action.INTERN,
        "one.a.b": Action.INTERN,
        "one.not": None,
        "one.not.a": None,
        "two": Action.EXTERN,
        "two.a": None,
        "three": None,
        "three.a": Action.EXTERN,
        "four": Action.MOCK,
        "five": Action.DENY,
        "six": None,
    }
    assert {name: collector.action_by_pattern(name) for name in expected} == expected


def test_first_of_two_patterns_decides(collector: Collector) -> None:
    """Where several patterns match, the one that was given first decides."""
    rules = ModuleRules(collector)
    rules.mock("a.b")
    rules.intern("a.**")
    assert collector.action_by_pattern("a.b") is Action.MOCK
    assert collector.action_by_pattern("a.c") is Action.INTERN


def test_what_packages_are_loaded_with_follows_no_pattern(collector: Collector) -> None:
    """The standard library and torch stay outside, whatever patterns say."""
    ModuleRules(collector).intern("**")
    assert collector.action_by_pattern("json.decoder") is None
    assert collector.action_by_pattern("torch.nn") is None


def test_vendored_distribution_must_be_installed(collector: Collector) -> None:
    """A distribution that isn't here can't be vendored; one that is may be spelled freely."""
    rules = ModuleRules(collector)
    with pytest.raises(ValueError, match="'no-such-thing' is not installed"):
        rules.vendor("no-such-thing")
    rules.vendor("PyTest")
    assert collector.vendored == {"pytest"}
