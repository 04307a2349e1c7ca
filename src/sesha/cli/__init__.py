"""The command `sesha`.

Guests import from this package too (`sesha doctor` runs a function of it in them), so it loads
nothing until the command is called.
"""

from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code.

    Args:
        arguments: What follows `sesha`; those of the process by default.

    Raises:
        SystemExit: With code 2 when the arguments make no sense (argparse), and with 0 after
            `--help` and `--version`.
    """
    from sesha.cli.program import run  # noqa: PLC0415 - see above

    return run(arguments)
