"""What a trial runs: the import of one module in every interpreter of a pool, or in plain Python.

`python -m sesha.cli.checks.importing N` reads module names from standard input, a line each, and
tells on standard output how each went, a line of JSON each, before it reads the next. N is the
number of interpreters; with 0 the modules are imported by this process itself. The process may
crash or hang: that is what it is for, and why `sesha.cli.checks.trial` runs it as a child.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import TextIO


def load(module: str) -> None:
    """Imports the module and keeps it to itself: a module is nothing that could be sent back."""
    importlib.import_module(module)


def report(names: TextIO, answers: TextIO, load_one: Callable[[str], object]) -> None:
    """Loads each named module and writes `{"module", "error", "traceback"}`, "" where it loaded."""
    for line in names:
        name = line.rstrip("\n")
        answer = {"module": name, "error": "", "traceback": ""}
        try:
            load_one(name)
        except BaseException as error:  # noqa: BLE001 - an import may raise anything, even SystemExit
            answer["error"] = f"{type(error).__name__}: {error}"
            answer["traceback"] = "".join(traceback.format_exception(error))
        json.dump(answer, answers)
        answers.write("\n")
        answers.flush()


def main() -> None:
    """Runs the trial that the command line asks for."""
    interpreters = int(sys.argv[1])
    # Modules may print while they are imported: what goes to descriptor 1 is no answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if interpreters == 0:
        report(sys.stdin, answers, load)
        return
    from sesha import Pool  # noqa: PLC0415 - a guest imports this module too and needs no pool

    with Pool(interpreters=interpreters) as pool:
        report(
            sys.stdin, answers, lambda name: pool.broadcast("sesha.cli.checks.importing:load", name)
        )


if __name__ == "__main__":
    main()
