"""`sesha convert`: takes an archive of torch.package over."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from sesha.cli import output

if TYPE_CHECKING:
    from argparse import _SubParsersAction


def add_command(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `convert` to the sub-commands."""
    command = commands.add_parser(
        "convert",
        help="turn an archive of torch.package into a package",
        description="Turns an archive that torch.package (2.x) wrote into a package. Its pickles "
        "are loaded for that: its code runs.",
    )
    command.add_argument("old", help="the archive of torch.package")
    command.add_argument("new", type=Path, help="where the package goes")
    command.add_argument("--name", help="the package's name; by default that of the file")
    command.add_argument("--version", default="0", help="the package's version (%(default)s)")
    output.add_json_option(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Converts and says what came of it."""
    from sesha.package.conversion import convert  # noqa: PLC0415 - heavy

    manifest = convert(options.old, options.new, name=options.name, version=options.version)
    points = [point.name for point in manifest.entry_points]
    if options.json:
        output.print_json(
            {
                "package": str(options.new),
                "modules": len(manifest.modules),
                "entry_points": points,
            }
        )
    else:
        output.console().print(
            f"{escape(str(options.new))}: {output.count(len(manifest.modules), 'module')}, "
            f"entry points: "
            f"{escape(', '.join(points) or 'none')}"
        )
    return 0
