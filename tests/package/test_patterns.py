import pytest

from sesha.package.patterns import GlobGroup


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("torch.**", ["torch", "torch.nn", "torch.nn.functional"], ["torchvision", "a.torch"]),
        ("torch.*", ["torch.nn"], ["torch", "torch.nn.functional"]),
        ("torch*.**", ["torch", "torchvision", "torchvision.ops"], ["atorch"]),
        ("*.foo", ["a.foo"], ["foo", "a.b.foo"]),
        ("**.foo", ["foo", "a.foo", "a.b.foo"], ["foo.a"]),
        ("**", ["a", "a.b"], []),
        ("a.**.b", ["a.b", "a.x.b", "a.x.y.b"], ["a", "a.b.c"]),
        ("f*o*", ["foo", "fo", "fxox"], ["f", "f.oo"]),
        ("a+b", ["a+b"], ["aab"]),
    ],
)
def test_globs(pattern: str, matching: list[str], others: list[str]) -> None:
    """A star stands for characters within a segment, two stars for any number of segments."""
    group = GlobGroup(pattern)
    assert [name for name in matching if not group.matches(name)] == []
    assert [name for name in others if group.matches(name)] == []


def test_several_patterns_and_exclude() -> None:
    """A group matches what any of its patterns does, and nothing that an excluded one does."""
    group = GlobGroup(["a.**", "b"], exclude=["a.private.**"])
    names = ["a", "a.b", "b", "a.private", "a.private.x", "c"]
    assert [name for name in names if group.matches(name)] == ["a", "a.b", "b"]


def test_other_separator() -> None:
    """With a slash as separator, patterns are over paths."""
    group = GlobGroup("**/*.py", separator="/")
    assert group.matches("a/b/c.py")
    assert group.matches("c.py")
    assert not group.matches("a/b.txt")


@pytest.mark.parametrize("pattern", ["", "a.b**", "**x"])
def test_senseless_patterns_are_refused(pattern: str) -> None:
    """An empty pattern, and two stars as a part of a segment, are a ValueError."""
    with pytest.raises(ValueError, match="pattern"):
        GlobGroup(pattern)


def test_no_patterns_match_nothing() -> None:
    """A group without patterns is empty."""
    assert not GlobGroup(()).matches("a")
