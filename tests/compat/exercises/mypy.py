"""Checks a program's types."""

from mypy import api

MADE_WITH = "mypyc"
DISTRIBUTION = "mypy"


def exercise() -> object:
    source = "def f(x: int) -> str:\n    return x\n\nf('a')\n"
    output, errors, code = api.run(
        ["--no-incremental", "--cache-dir=/dev/null", "--no-error-summary", "-c", source]
    )
    return output, errors, code
