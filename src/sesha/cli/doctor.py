"""`sesha doctor`: says whether this machine, this Python and its packages suit sesha.

Every row that fails comes with its fix; the exit code is 1 if one fails.
"""

import argparse
import concurrent.futures
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sesha.cli import report
from sesha.cli.checks import environment
from sesha.cli.checks.environment import Extension
from sesha.cli.checks.finding import Finding, Status
from sesha.cli.checks.python import check_python
from sesha.cli.checks.system import check_system
from sesha.cli.checks.trial import Trial, check_interpreters

if TYPE_CHECKING:
    # What argparse's add_subparsers gives has no public name to call at run time.
    from argparse import _SubParsersAction

_MODULE_SECONDS = 120.0


def add_command(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `doctor` to the sub-commands."""
    command = commands.add_parser(
        "doctor",
        help="check this machine, this Python and its packages",
        description="Checks this machine, this Python, and every extension module of the "
        "environment, each loaded in two interpreters of a child process. Prints a table with "
        "the fix for each row that fails; exit code 1 if one fails.",
    )
    command.add_argument(
        "packages", nargs="*", metavar="PACKAGE", help="load only these packages' extensions"
    )
    command.add_argument("--json", action="store_true", help="print JSON in place of the table")
    command.add_argument(
        "--no-extensions", action="store_true", help="check only the machine and Python"
    )
    command.add_argument(
        "--timeout",
        type=_seconds,
        default=_MODULE_SECONDS,
        metavar="SECONDS",
        help="how long the import of one module may take (%(default)s)",
    )
    command.add_argument(
        "--jobs",
        type=_count,
        default=os.cpu_count() or 1,
        metavar="N",
        help="child processes at a time (%(default)s)",
    )
    command.set_defaults(run=run)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number of seconds, not {text}")
    return seconds


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {text}")
    return count


def run(options: argparse.Namespace) -> int:
    """Runs the checks, prints the report, and returns the exit code: 1 if a check failed."""
    checks = [*check_system(), *check_python()]
    # Each step needs the one before it: what is broken below would be blamed on everything above.
    if not _any_failed(checks):
        checks.append(check_interpreters())
    extensions: list[Finding] = []
    if not options.no_extensions and not _any_failed(checks):
        extensions = check_extensions(options.packages, options.timeout, options.jobs)
    if options.json:
        report.print_json(checks, extensions)
    else:
        report.print_tables(checks, extensions)
    return 1 if _any_failed([*checks, *extensions]) else 0


def _any_failed(findings: list[Finding]) -> bool:
    return any(finding.status is Status.FAILED for finding in findings)


def check_extensions(packages: list[str], timeout: float, jobs: int) -> list[Finding]:
    """Loads the environment's extension modules, and shows a progress bar meanwhile.

    Args:
        packages: Top-level packages to restrict it to; empty for all. One that has no extension
            module is a finding too.
        timeout: Seconds for the import of one module.
        jobs: Packages at a time, in a child process each.

    Returns:
        Findings ordered by package and module.
    """
    found = list(environment.extensions(environment.folders()))
    if packages:
        found = [item for item in found if item.package in packages]
    findings = [item for item in found if isinstance(item, Finding)]
    modules = [item for item in found if isinstance(item, Extension)]
    findings += [
        Finding(name, Status.SKIPPED, "has no extension module here", "", name)
        for name in packages
        if all(item.package != name for item in found)
    ]
    # The longest first, so that the last child doesn't work alone for long.
    batches = environment.batches(modules)
    with report.progress(sum(map(len, batches))) as advance:
        findings += _try_all(batches, Trial(timeout, advance), jobs)
    return sorted(findings, key=lambda finding: (finding.package, finding.subject))


def _try_all(batches: list[list[Extension]], trial: Trial, jobs: int) -> Iterator[Finding]:
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=jobs)
    try:
        for findings in pool.map(trial.try_package, batches):
            yield from findings
    finally:
        # Reached early by Ctrl-C: nothing under way is worth waiting for then.
        trial.stop()
        pool.shutdown(cancel_futures=True)
