"""One line of the doctor's report."""

import dataclasses
import enum


class Status(enum.StrEnum):
    """How a check ended. Only FAILED makes the command's exit code 1."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        subject: What was looked at: "libpython", or an extension module's dotted name.
        status: How it ended.
        detail: What was found, in a sentence or a figure.
        fix: What to do about it; empty when there is nothing to do.
        package: The top-level package, for an extension module; else empty.
    """

    subject: str
    status: Status
    detail: str
    fix: str = ""
    package: str = ""


def ok(subject: str, detail: str) -> Finding:
    """A check that found all well."""
    return Finding(subject, Status.OK, detail)


def failed(subject: str, detail: str, fix: str) -> Finding:
    """A check that found what keeps sesha from working."""
    return Finding(subject, Status.FAILED, detail, fix)


def warning(subject: str, detail: str, fix: str) -> Finding:
    """A check that found what may get in the way later."""
    return Finding(subject, Status.WARNING, detail, fix)
