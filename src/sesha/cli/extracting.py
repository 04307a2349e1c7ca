"""`sesha extract`: unpacks a package to a folder, for reading and editing."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from sesha.cli import output
from sesha.package.extraction import extract
from sesha.package.progress import watched

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_command(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `extract` to the sub-commands."""
    command = commands.add_parser(
        "extract",
        help="unpack a package to a folder",
        description="Unpacks a package and checks its digests. The folder can be loaded like the "
        "package; after edits, `sesha pack FOLDER -o FILE` packs it again.",
    )
    command.add_argument("package")
    command.add_argument(
        "folder",
        nargs="?",
        type=Path,
        help="where to; by default the package's name without suffix",
    )
    output.add_json_option(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Extracts and says where to."""
    folder: Path = options.folder or Path(Path(options.package).with_suffix("").name)
    with watched(f"extracting {options.package}") as progress:
        manifest = extract(options.package, folder, progress=progress)
    if options.json:
        output.print_json({"folder": str(folder), "members": len(manifest.members)})
    else:
        output.console().print(
            f"{output.count(len(manifest.members), 'member')} in {escape(str(folder))}"
        )
    return 0
