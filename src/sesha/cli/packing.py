"""`sesha pack`: packs what a factory makes, or the edited folder of an extracted package."""

import argparse
import importlib
import os
import sys
import sysconfig
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from sesha.cli import output
from sesha.errors import SeshaError
from sesha.package.errors import PackError
from sesha.package.extraction import repack
from sesha.package.progress import watched

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    from sesha.package.manifest import Manifest


# Where nobody has code of their own: this package, the standard library, what is installed.
_NOT_THEIRS = tuple(
    f"{folder}{os.sep}"
    for folder in {
        str(Path(__file__).parents[1]),
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
    }
)


def add_command(commands: "_SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `pack` to the sub-commands."""
    command = commands.add_parser(
        "pack",
        help="write a package",
        description="Calls a factory and packs what it returns with all code that it needs; or "
        "packs the folder of an extracted package again. With example inputs the package is "
        "loaded in a fresh interpreter and its outputs are compared before the file appears.",
    )
    command.add_argument("what", metavar="MODULE:FACTORY|FOLDER", help="what is packed")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    command.add_argument("--name", help="the package's name; by default that of the file")
    command.add_argument("--version", help="the package's version")
    command.add_argument(
        "--example-inputs",
        metavar="MODULE:FUNCTION",
        help="a function that returns the arguments of an example call",
    )
    command.add_argument("--method", default="", help="what the example calls, if not the object")
    command.add_argument(
        "--tolerance", default="0", help="how far the example's outputs may be apart (%(default)s)"
    )
    for option, meaning in (
        ("vendor", "an installed pure-Python distribution whose code goes in too"),
        ("intern", "a glob of modules that go in"),
        ("extern", "a glob of modules that stay outside"),
        ("mock", "a glob of modules that stand-ins take the place of"),
        ("data", "a glob of files beside your code that go in, such as 'shop/lists/*.txt'"),
    ):
        name = option == "vendor"
        command.add_argument(
            f"--{option}",
            action="append",
            default=[],
            type=str if name else output.path_glob if option == "data" else output.glob,
            metavar="NAME" if name else "GLOB",
            help=meaning,
        )
    command.add_argument(
        "--no-self-test", action="store_true", help="don't try the package before it appears"
    )
    output.add_json_option(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Packs and says what came of it."""
    if Path(options.what).is_dir():
        with watched(f"packing {options.what}") as progress:
            manifest = repack(
                options.what, options.output, version=options.version, progress=progress
            )
    else:
        manifest = _pack(options)
    size = options.output.stat().st_size
    if options.json:
        output.print_json(
            {
                "package": str(options.output),
                "name": manifest.name,
                "version": manifest.version,
                "size": size,
                "modules": len(manifest.modules),
                "externs": sorted({each.distribution for each in manifest.externs} - {""}),
                "self_test": manifest.self_test is not None,
            }
        )
    else:
        output.console().print(
            f"{escape(str(options.output))}: {escape(manifest.name)} {escape(manifest.version)}, "
            f"{output.count(len(manifest.modules), 'module')}, {output.size(size)}, "
            + _trial(options, manifest)
        )
    return 0


def _trial(options: argparse.Namespace, manifest: "Manifest") -> str:
    if manifest.self_test is None:
        return "no self-test"
    if options.no_self_test or Path(options.what).is_dir():
        return f"not tried: sesha verify --self-test {escape(str(options.output))}"
    return "self-test passed"


def _pack(options: argparse.Namespace) -> "Manifest":
    from sesha.package.packing import pack  # noqa: PLC0415 - not needed for folders

    # As `python -m` has it: what is packed usually lies in the working directory.
    if os.getcwd() not in sys.path:  # noqa: PTH109 - a string among strings
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    made = _call(options.what)
    more: dict[str, Any] = {}
    if options.example_inputs is not None:
        more["example_inputs"] = _call(options.example_inputs)
    try:
        return pack(
            made,
            options.output,
            name=options.name,
            version=options.version or "0",
            method=options.method,
            tolerance=options.tolerance,
            vendor=options.vendor,
            intern=options.intern,
            extern=options.extern,
            mock=options.mock,
            data=options.data,
            self_test=not options.no_self_test,
            **more,
        )
    except (SeshaError, OSError):
        raise
    except Exception as error:
        # The object's own, when it was called with the example.
        raise PackError(_failed(f"the object that {options.what} makes", error)) from error


def _call(place: str) -> Any:  # noqa: ANN401 - whatever the user's factory makes
    module, colon, qualified = place.partition(":")
    if not colon or not module or not qualified:
        raise PackError(
            f"{place!r} is neither a folder nor MODULE:FACTORY, such as models.bert:make"
        )
    try:
        found: Any = importlib.import_module(module)
        for part in qualified.split("."):
            found = getattr(found, part)
        return found()
    except Exception as error:
        raise PackError(_failed(place, error)) from error


def _failed(what: str, error: Exception) -> str:
    return f"{what} raised {type(error).__name__}: {error}{_where(error)}"


def _where(error: Exception) -> str:
    """The last line of the user's own code that led to it."""
    own = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(("<", *_NOT_THEIRS))
    ]
    return f" ({own[-1].filename}, line {own[-1].lineno})" if own else ""
