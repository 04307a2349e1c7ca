import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesha.package import names
from sesha.package.errors import MemberNameError


@pytest.mark.parametrize(
    "name",
    ["a", "a/b.py", "model/é.txt", ".data/x", "a b/c", "x" * 255, "/".join(["ab"] * 32)],
)
def test_plain_relative_paths_are_names(name: str) -> None:
    """Segments of any printable characters, nested up to 32 deep, make a name."""
    names.check(name)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "0 bytes"),
        ("/etc/passwd", "absolute"),
        ("../x", r"'\.\.'"),
        ("a/../b", r"'\.\.'"),
        ("a/./b", r"'\.\.'"),
        ("a//b", "empty"),
        ("a/", "slash"),
        ("a\\b", "backslash"),
        ("C:/x", "colon"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a\x85b", "control"),
        ("a./b", "dot or a space"),
        ("a /b", "dot or a space"),
        (unicodedata.normalize("NFD", "é"), "normal form"),
        ("\ud800", "Unicode"),
        ("x" * 256, "255"),
        ("y/" * 600 + "y", "1024"),
        ("/".join(["a"] * 33), "32"),
    ],
)
def test_what_means_another_file_elsewhere_is_refused(name: str, why: str) -> None:
    """A name that some system would unpack outside, elsewhere or not at all is refused."""
    with pytest.raises(MemberNameError, match=why):
        names.check(name)


@pytest.mark.parametrize(
    ("pair", "why"),
    [
        (("a/b", "a/b"), "two members"),
        (("a/B", "a/b"), "only in case"),
        (("a", "a/b"), "also the folder"),
        (("A/b/c", "a/B"), "also the folder"),
    ],
)
def test_names_that_would_be_one_file_are_refused(pair: tuple[str, str], why: str) -> None:
    """Duplicates, names that differ in case only, and a file that is a folder too are refused."""
    for ordered in (pair, pair[::-1]):
        with pytest.raises(MemberNameError, match=why):
            names.check_all(ordered)


@given(st.text(max_size=40))
def test_an_accepted_name_stays_below_its_folder(name: str) -> None:
    """Joined to a folder, an accepted name is a path within it, spelled the same."""
    import posixpath  # noqa: PLC0415 - used here alone

    if names.problem_with(name) is None:
        assert posixpath.normpath(posixpath.join("/folder", name)) == f"/folder/{name}"


@given(st.text(max_size=300))
def test_a_name_in_a_message_is_short_and_printable(name: str) -> None:
    """What an error shows of a name has at most 130 characters, no control character."""
    shown = names.shown(name)
    assert len(shown) <= 130
    assert shown.replace("…", "").isascii()
    assert shown.isprintable()
