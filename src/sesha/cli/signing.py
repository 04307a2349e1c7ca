"""`sesha sign`: signs a package, and makes key pairs."""

import argparse
import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from sesha.cli import output
from sesha.package.errors import SignatureError
from sesha.package.progress import watched

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_command(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `sign` to the sub-commands."""
    command = commands.add_parser(
        "sign",
        help="sign a package",
        description="Signs a package with an Ed25519 key, as OpenSSF model signing does. The "
        "signature goes into the package, which is written again.",
    )
    command.add_argument("package", nargs="?", help="a package, or an extracted folder")
    command.add_argument("--key", type=Path, required=True, metavar="PEM", help="the private key")
    command.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="where the signed package goes"
    )
    command.add_argument(
        "--password", action="store_true", help="ask for the password of an encrypted key"
    )
    command.add_argument(
        "--new-key",
        action="store_true",
        help="first make the key: PEM gets the private one, PEM.pub the public one",
    )
    output.add_json_option(command)
    command.set_defaults(run=run, command=command)


def run(options: argparse.Namespace) -> int:
    """Signs and says with which key."""
    # Not before: they need cryptography, which is an extra.
    from sesha.package import keys, signing  # noqa: PLC0415

    if options.package is None and not options.new_key:
        options.command.error("a package to sign is missing")
    public = options.key.with_name(f"{options.key.name}.pub")
    if options.new_key:
        keys.generate(options.key, public)
    elif not options.key.exists():
        raise SignatureError(f"there is no key at {options.key}; --new-key makes one there")
    document: dict[str, object] = {"public_key": str(public)} if options.new_key else {}
    if options.package is not None:
        password = getpass.getpass("password of the key: ").encode() if options.password else None
        with watched(f"signing {options.package}") as progress:
            signer = signing.sign(
                options.package,
                options.key,
                password=password,
                output=options.output,
                progress=progress,
            )
        document["package"] = str(options.output or options.package)
        document["key_sha256"] = signer.fingerprint
    if options.json:
        output.print_json(document)
    else:
        _print(document)
    return 0


def _print(document: dict[str, object]) -> None:
    console = output.console()
    if "public_key" in document:
        console.print(f"the public key is in {escape(str(document['public_key']))}")
    if "package" in document:
        console.print(
            f"{escape(str(document['package']))} is signed by the key with SHA-256 "
            f"{document['key_sha256']}"
        )
