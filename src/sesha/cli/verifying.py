"""`sesha verify`: whether a package is what its manifest, its signer and its self-test say."""

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from sesha.cli import output
from sesha.package.container import Container, Source, open_file
from sesha.package.errors import PackageError, SelfTestError
from sesha.package.progress import watched

if TYPE_CHECKING:
    from argparse import _SubParsersAction


_NOT_CHECKED = "there is one; name the key that should have made it with --key"


def add_command(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `verify` to the sub-commands."""
    command = commands.add_parser(
        "verify",
        help="check a package's digests, signature and self-test",
        description="Compares every member with its digest. With --key also the signature, and "
        "with --self-test runs the packaged example in a fresh interpreter. Exit code 1 if "
        "anything is not as it should be.",
    )
    command.add_argument("package", help="a package, or an extracted folder")
    command.add_argument(
        "--key",
        action="append",
        metavar="PEM",
        help="a public key that may have signed it; may be given several times",
    )
    command.add_argument("--self-test", action="store_true", help="run the packaged example")
    output.add_json_option(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Checks and says what holds; the first check that fails raises PackageError."""
    checks: dict[str, str] = {}
    try:
        _check(options, checks)
    except PackageError as error:
        if not options.json:
            raise
        output.print_json({"ok": False, "checks": checks, "error": str(error)})
        return 1
    if options.json:
        output.print_json({"ok": True, "checks": checks})
    else:
        console = output.console()
        for name, text in checks.items():
            done = "[yellow]not checked[/]" if text == _NOT_CHECKED else "[green]ok[/]"
            console.print(f"{done} {name}: {escape(text)}")
    return 0


def _check(options: argparse.Namespace, checks: dict[str, str]) -> None:
    if Path(options.package).is_dir():
        _check_all(options, options.package, None, checks)
        return
    # Once: what is run is what was checked, whatever the path leads to by then.
    with open_file(options.package) as file:
        _check_all(options, file, file, checks)


def _check_all(
    options: argparse.Namespace, source: Source, file: io.FileIO | None, checks: dict[str, str]
) -> None:
    with Container.open(source) as container:
        total = sum(container.sizes.values())
        with watched(f"verifying {options.package}", total) as progress:
            if options.key:
                from sesha.package import signing  # noqa: PLC0415 - it needs cryptography

                signer = signing.verify(container, options.key, progress=progress)
                checks["signature"] = f"by the key with SHA-256 {signer.fingerprint}"
            else:
                container.verify(progress=progress)
                if container.signature is not None:
                    checks["signature"] = _NOT_CHECKED
        count = len(container.manifest.members)
        checks["digests"] = f"{count} members, {output.size(total)}"
        has_test = container.manifest.self_test is not None
    if not options.self_test:
        return
    if not has_test:
        raise SelfTestError(
            f"{options.package} has no self-test; pack it with example inputs to give it one"
        )
    from sesha.package import trial  # noqa: PLC0415 - it runs the package's code

    # The digests were compared just now, and its code is compared again as it is read.
    trial.run_alone(options.package, file=file)
    checks["self-test"] = "its output is the packaged one"
