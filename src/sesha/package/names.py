"""Which names a package's members may have.

A name is a relative POSIX path that means the same file on every system that unpacks it: UTF-8 in
normal form C, at most 1,024 bytes, of at most 32 segments separated by single slashes. A segment
has at most 255 bytes, is neither `.` nor `..`, has no backslash, colon or control character in it,
and ends in neither dot nor space.
Names that differ only in case are refused together: unpacked where case is ignored, one would
overwrite the other. So is a name that is another's folder.
"""

import unicodedata
from collections.abc import Iterable

from sesha.package.errors import MemberNameError

MANIFEST = "manifest.json"
SIGNATURE = "model.sig"
# Written by the container itself; nobody else may add a member of this name.
RESERVED = frozenset({MANIFEST, SIGNATURE})

MAX_NAME = 1024  # bytes
MAX_SEGMENT = 255  # bytes, the limit of the usual file systems
MAX_DEPTH = 32  # segments; bounds what `check_all` remembers of a name

_FORBIDDEN = frozenset("\\:") | frozenset(map(chr, [*range(32), *range(0x7F, 0xA0)]))


def problem_with(name: str) -> str | None:
    """What makes `name` unfit for a member, as a clause; None if nothing does."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "is not valid Unicode"
    if not 0 < size <= MAX_NAME:
        return f"is {size} bytes long; 1 to {MAX_NAME} are allowed"
    if not _FORBIDDEN.isdisjoint(name):
        return "has a backslash, a colon or a control character in it"
    if not unicodedata.is_normalized("NFC", name):
        return "is not in Unicode's normal form C"
    return _problem_with_segments(name.split("/"))


def _problem_with_segments(segments: list[str]) -> str | None:
    if len(segments) > MAX_DEPTH:
        return f"has {len(segments)} segments; {MAX_DEPTH} are allowed"
    for segment in segments:
        if segment in {"", ".", ".."}:
            return (
                "is absolute, ends in a slash or has a segment that is empty, '.' or '..'; "
                "a member's name is a plain relative path"
            )
        if segment[-1] in ". ":
            return "has a segment that ends in a dot or a space, which some systems drop"
        if len(segment.encode()) > MAX_SEGMENT:
            return f"has a segment of more than {MAX_SEGMENT} bytes"
    return None


def check(name: str) -> None:
    """Raises MemberNameError, which says why, unless `name` is fit for a member."""
    problem = problem_with(name)
    if problem is not None:
        raise MemberNameError(f"the member name {shown(name)} {problem}")


def check_all(names: Iterable[str]) -> None:
    """Checks each name, and that no two of them would be one file when unpacked.

    Raises:
        MemberNameError: a name is unfit, there twice, differs from another only in case, or is
            both a file and a folder.
    """
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        check(name)
        folded = name.casefold()
        if folded in seen:
            raise MemberNameError(_collision(name, seen[folded]))
        seen[folded] = name
        end = folded.rfind("/")
        while end > 0 and (folder := folded[:end]) not in folders:
            folders[folder] = name
            end = folded.rfind("/", 0, end)
    for folded in seen.keys() & folders.keys():
        raise MemberNameError(
            f"the member {shown(seen[folded])} is also the folder of {shown(folders[folded])}"
        )


def _collision(name: str, other: str) -> str:
    if name == other:
        return f"there are two members named {shown(name)}"
    return f"the members {shown(other)} and {shown(name)} differ only in case"


def shown(name: str) -> str:
    """`name` as it is safe to print: escaped and of bounded length."""
    text = ascii(name)
    return text if len(text) <= 120 else f"{text[:100]}…' ({len(name)} characters)"  # noqa: PLR2004
