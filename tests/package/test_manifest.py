import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesha.package import canonical
from sesha.package.errors import FormatError, ManifestError, UnsupportedVersionError
from sesha.package.manifest import (
    EntryPoint,
    Extern,
    Manifest,
    MemberDigest,
    Module,
    PythonRange,
    Resource,
    SelfTest,
)

DIGEST = "0123456789abcdef" * 4

FULL = Manifest(
    name="my-model",
    version="2.1+gpu",
    python=PythonRange("3.11", "3.14"),
    platforms=("linux-x86_64",),
    entry_points=(EntryPoint("model", "model", "model.pkl"),),
    modules=(Module("net", "net/__init__.py", True), Module("net.läyer", "net/läyer.py", False)),
    externs=(Extern("json"), Extern("numpy", "numpy", "2.4.6", DIGEST)),
    mocks=("matplotlib.pyplot",),
    resources=(Resource("model/in.pkl", "pickle"), Resource("model/model.pkl", "pickle")),
    self_test=SelfTest("model", "model/in.pkl", "model/model.pkl", "1e-5"),
    provenance={"python": "3.11.7"},
    members=tuple(
        MemberDigest(name, 3, DIGEST)
        for name in ("model/in.pkl", "model/model.pkl", "net/__init__.py", "net/läyer.py")
    ),
)


def document() -> Any:
    return json.loads(FULL.to_json())


def test_a_manifest_comes_back_as_it_was() -> None:
    """Every field survives the way to JSON and back, and the spelling is the same again."""
    again = Manifest.from_json(FULL.to_json())
    assert again == FULL
    assert again.to_json() == FULL.to_json()


def test_the_order_in_which_lists_are_given_does_not_matter() -> None:
    """Two manifests with the same entries in another order have the same bytes."""
    one = Manifest("a", "1", mocks=("x", "y"), externs=(Extern("a"), Extern("b")))
    other = Manifest("a", "1", mocks=("y", "x"), externs=(Extern("b"), Extern("a")))
    assert one.to_json() == other.to_json()


@pytest.mark.parametrize(
    ("version", "within"),
    [((3, 10, 9), False), ((3, 11), True), ((3, 13, 5), True), ((3, 14, 0), False)],
)
def test_a_python_range_excludes_its_end(version: tuple[int, ...], within: bool) -> None:  # noqa: FBT001
    """A Python is within from `minimum` on, up to but without `below`."""
    assert (version in PythonRange("3.11", "3.14")) is within
    assert str(PythonRange("3.11", "3.14")) == ">=3.11,<3.14"


def test_two_python_ranges_meet() -> None:
    """Of two ranges the later minimum holds and the earlier end, compared as numbers."""
    wide, narrow = PythonRange("3.9", ""), PythonRange("3.11", "3.12")
    assert wide.both(narrow) == narrow.both(wide) == narrow
    assert PythonRange("3.9", "3.13").both(PythonRange("3.10", "3.12")) == PythonRange(
        "3.10", "3.12"
    )


# The way to a value of the document, what is put there, and the place that the error names.
CHANGES: list[tuple[list[Any], Any, str]] = [
    (["format"], "zip", "$.format"),
    (["format_version"], "1", "$.format_version"),
    (["format_version"], True, "$.format_version"),
    (["name"], "../x", "$.name"),
    (["name"], 5, "$.name"),
    (["version"], "", "$.version"),
    (["python", "minimum"], "three", "$.python.minimum"),
    (["python", "minimum"], "9" * 5000, "$.python.minimum"),
    (["python", "extra"], 1, "$.python.extra"),
    (["platforms"], ["b", "a"], "$.platforms[1]"),
    (["modules", 0, "name"], "net..x", "$.modules[0].name"),
    (["modules", 0, "is_package"], 1, "$.modules[0].is_package"),
    (["modules", 0, "member"], "net/none.py", "$.modules[0].member"),
    (["modules", 1, "name"], "net", "$.modules[1]"),
    (["externs", 1, "record_sha256"], "zz", "$.externs[1].record_sha256"),
    (["mocks"], {"a": 1}, "$.mocks"),
    (["resources", 0, "kind"], "code", "$.resources[0].kind"),
    (["resources", 0, "member"], "gone", "$.resources[0].member"),
    (["self_test", "entry_point"], "other", "$.self_test.entry_point"),
    (["self_test", "inputs"], "gone", "$.self_test.inputs"),
    (["self_test", "tolerance"], "-1", "$.self_test.tolerance"),
    (["provenance", "x"], 1, "$.provenance.x"),
    (["members", 0, "size"], -1, "$.members[0].size"),
    (["members", 0, "size"], 1 << 63, "$.members[0].size"),
    (["members", 0, "size"], True, "$.members[0].size"),
    (["members", 0, "sha256"], DIGEST.upper(), "$.members[0].sha256"),
    (["members", 0, "name"], "/etc/passwd", "$.members[0].name"),
    (["members", 0, "name"], "manifest.json", "$.members"),
    (["members", 0], None, "$.members[0]"),
    (["unknown"], None, "$.unknown"),
]


@pytest.mark.parametrize(("way", "value", "where"), CHANGES)
def test_a_problem_is_named_with_its_place(way: list[Any], value: Any, where: str) -> None:
    """A wrong value anywhere is a ManifestError whose `where` is its JSON path."""
    changed = document()
    target = changed
    for key in way[:-1]:
        target = target[key]
    target[way[-1]] = value
    with pytest.raises(ManifestError) as caught:
        Manifest.from_json(canonical.encode(changed))
    assert caught.value.where == where


def test_every_missing_key_is_named() -> None:
    """Each key of the document must be there."""
    for key in document():
        changed = document()
        del changed[key]
        with pytest.raises(ManifestError) as caught:
            Manifest.from_json(canonical.encode(changed))
        assert caught.value.where == f"$.{key}"


def test_a_later_version_is_told_apart_from_damage() -> None:
    """A manifest of a later format version asks for a newer sesha, whatever else it holds."""
    with pytest.raises(UnsupportedVersionError, match="pip install --upgrade sesha"):
        Manifest.from_json(b'{"format":"sesha","format_version":2,"new":1}')


def test_what_could_not_be_read_is_not_written() -> None:
    """Writing a manifest with an unfit field raises the error that reading it would."""
    with pytest.raises(ManifestError):
        Manifest("a b/c", "1").to_json()
    with pytest.raises(ManifestError):
        Manifest("a", "1", provenance={"x": 1.5}).to_json()  # type: ignore[dict-item]


PATHS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
)


@given(st.data())
def test_any_change_is_read_or_refused(data: st.DataObject) -> None:
    """Whatever stands in place of one value, reading gives a manifest or a FormatError."""
    changed: Any = copy.deepcopy(document())
    target = changed
    while True:
        key = data.draw(
            st.sampled_from(list(target) if isinstance(target, dict) else range(len(target)))
        )
        if not isinstance(target[key], dict | list) or not target[key] or data.draw(st.booleans()):
            break
        target = target[key]
    target[key] = data.draw(PATHS)
    try:
        again = Manifest.from_json(canonical.encode(changed))
    except FormatError:
        return
    assert Manifest.from_json(again.to_json()) == again
