import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesha.package import canonical

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_a_value_comes_back_from_its_one_spelling(value: canonical.Json) -> None:
    """Decoding what was encoded gives the same value, and the json module agrees."""
    document = canonical.encode(value)
    assert canonical.decode(document) == value
    assert json.loads(document) == value


@given(VALUES)
def test_other_spellings_of_a_value_are_refused(value: canonical.Json) -> None:
    """A space more is another spelling: `decode` refuses it, `decode_any_spelling` reads it."""
    document = canonical.encode(value) + b" "
    with pytest.raises(canonical.NotCanonicalError):
        canonical.decode(document)
    assert canonical.decode_any_spelling(document) == value


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        b'{"a":1,"a":1}',
        b'{"b":1,"a":1}',
        b"1.5",
        b"1e3",
        b"NaN",
        b"Infinity",
        b"-0",
        b"01",
        b'"\\u0061"',
        b'"\\ud800"',
        b"9" * 5000,
        b"[" * 65 + b"]" * 65,
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_not_canonical_is_refused(document: bytes) -> None:
    """Damage, duplicate keys, another order, floats, escapes and depth are one named error."""
    with pytest.raises(canonical.NotCanonicalError):
        canonical.decode(document)


def test_a_bomb_is_counted_before_it_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document with more values than allowed is refused before the parser sees it."""
    monkeypatch.setattr(canonical, "MAX_VALUES", 10)
    monkeypatch.setattr(json, "loads", None)
    with pytest.raises(canonical.NotCanonicalError, match="more than 10"):
        canonical.decode(b"[" + b"[]," * 10 + b"[]]")


@pytest.mark.parametrize("value", [1.0, math.nan, {"a": [0.5]}, {1: 2}, b"x"])
def test_floats_and_foreign_values_are_not_written(value: canonical.Json) -> None:
    """What has no one spelling raises TypeError."""
    with pytest.raises(TypeError):
        canonical.encode(value)


@given(st.binary())
def test_any_bytes_decode_or_are_refused(document: bytes) -> None:
    """No input raises anything but NotCanonicalError."""
    try:
        value = canonical.decode_any_spelling(document)
    except canonical.NotCanonicalError:
        return
    assert canonical.decode(canonical.encode(value)) == value
