import argparse
import json
from typing import Any

import pytest

from sesha.cli import output


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1536 << 10, "1.5 MiB"),
        (1 << 30, "1.0 GiB"),
        (5 << 40, "5120.0 GiB"),
    ],
)
def test_sizes_have_the_largest_unit_that_fits(count: int, text: str) -> None:
    """A number of bytes is told in the largest unit of which there is at least one."""
    assert output.size(count) == text


def test_nouns_agree_with_their_number() -> None:
    """One thing is singular, none and several are plural."""
    assert [output.count(number, "module") for number in (0, 1, 2, 1200)] == [
        "0 modules",
        "1 module",
        "2 modules",
        "1,200 modules",
    ]


def test_globs_are_checked_when_they_are_given() -> None:
    """A malformed glob is an error of the argument, with the reason; a good one stays as it is."""
    assert output.glob("a.**") == "a.**"
    assert output.path_glob("a/**/b.txt") == "a/**/b.txt"
    assert output.path_glob("a/b/") == "a/b"
    for check, text in ((output.glob, "a**"), (output.path_glob, "a/b**"), (output.glob, "")):
        with pytest.raises(argparse.ArgumentTypeError, match=r"\*\*"):
            check(text)


def test_json_is_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """What `--json` prints is one document that ends with its line."""
    document: dict[str, Any] = {"a": (1, 2), "b": None}
    output.print_json(document)
    text = capsys.readouterr().out
    assert json.loads(text) == {"a": [1, 2], "b": None}
    assert text.endswith("}\n")
