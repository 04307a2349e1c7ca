"""Prints the doctor's findings, as tables for people and as JSON for programs."""

import contextlib
import dataclasses
import importlib.metadata
import itertools
import json
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from sesha.cli.checks.finding import Finding, Status

_STYLES = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.FAILED: "bold red",
    Status.SKIPPED: "dim",
}


@contextlib.contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Shows a progress bar on standard error while the block runs, if that is a terminal.

    Args:
        total: Number of steps.

    Yields:
        A function that takes a step and shows the name it is given. Safe in any thread.
    """
    bar = Progress(
        TextColumn("loading extensions"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[module]}"),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    with bar:
        task = bar.add_task("", total=total, module="")
        yield lambda module: bar.update(task, advance=1, module=module)


def print_json(checks: list[Finding], extensions: list[Finding]) -> None:
    """Prints one JSON object: versions, `checks`, `extensions`, and `failed`, their number."""
    document = {
        "sesha": importlib.metadata.version("sesha"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "checks": [dataclasses.asdict(finding) for finding in checks],
        "extensions": [dataclasses.asdict(finding) for finding in extensions],
        "failed": sum(finding.status is Status.FAILED for finding in [*checks, *extensions]),
    }
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")


def print_tables(checks: list[Finding], extensions: list[Finding]) -> None:
    """Prints a table of the machine, and one of the packages that brought extensions."""
    console = Console()
    console.print(_table("machine and Python", "check", checks))
    if extensions:
        console.print(_table("extensions in two interpreters", "package", _by_package(extensions)))
    counts = Counter(finding.status for finding in [*checks, *extensions])
    console.print(", ".join(f"{counts[status]} {status}" for status in Status if counts[status]))


def _by_package(extensions: list[Finding]) -> list[Finding]:
    """A row for what went well in each package, and rows of their own for the rest."""
    rows: list[Finding] = []
    by_package = sorted(extensions, key=lambda finding: finding.package)
    for package, group in itertools.groupby(by_package, lambda finding: finding.package):
        findings = list(group)
        loaded = sum(finding.status is Status.OK for finding in findings)
        if loaded:
            modules = "module" if loaded == 1 else "modules"
            rows.append(Finding(package, Status.OK, f"{loaded} {modules}"))
        rows += [finding for finding in findings if finding.status is not Status.OK]
    return rows


def _table(title: str, subject: str, findings: list[Finding]) -> Table:
    fixes = any(finding.fix for finding in findings)
    table = Table(title=title, title_justify="left", show_lines=fixes)
    table.add_column(subject, overflow="fold")
    table.add_column("status")
    table.add_column("found", overflow="fold")
    if fixes:
        table.add_column("fix", overflow="fold")
    for finding in findings:
        status = f"[{_STYLES[finding.status]}]{finding.status}[/]"
        cells = [escape(finding.subject), status, escape(finding.detail)]
        table.add_row(*cells, *([escape(finding.fix)] if fixes else []))
    return table
