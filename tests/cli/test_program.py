import importlib.metadata
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sesha.cli import doctor, main, program


def test_version_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha --version` prints the version of the installed distribution and exits with 0."""
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"sesha {importlib.metadata.version('sesha')}\n"


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["doctor", "--no-such-option"]])
def test_senseless_arguments_exit_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Arguments that make no sense print the usage on standard error and exit with 2."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith("usage: sesha")


def test_help_names_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha --help` lists the sub-commands."""
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "doctor" in capsys.readouterr().out


def test_command_imports_only_itself() -> None:
    """A sub-command starts without the modules of the others."""
    program = (
        "import sys; from sesha.cli import main\n"
        "try: main(['inspect', '--help'])\n"
        "finally: print([name for name in sys.modules if name.startswith('sesha.cli.')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    imported = done.stdout.splitlines()[-1]
    assert "sesha.cli.inspecting" in imported
    assert "sesha.cli.doctor" not in imported


def test_interrupted_command_exits_as_a_shell_expects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends a command with 130 and without a traceback."""

    def interrupt(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "run", interrupt)
    assert main(["doctor"]) == program.INTERRUPTED == 128 + signal.SIGINT


def test_module_is_the_command() -> None:
    """`python -m sesha` does what `sesha` does, and the console script is installed."""
    script = Path(sys.executable).with_name("sesha")
    outputs = {
        subprocess.run([*command, "--version"], capture_output=True, check=True).stdout
        for command in ([sys.executable, "-m", "sesha"], [str(script)])
    }
    assert outputs == {f"sesha {importlib.metadata.version('sesha')}\n".encode()}


def test_reader_that_goes_away_is_no_traceback() -> None:
    """A closed pipe on standard output ends the command quietly with exit code 1."""
    command = [sys.executable, "-m", "sesha", "doctor", "--no-extensions", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        errors = child.stderr.read()
    assert (child.returncode, errors) == (1, b"")


def test_importing_the_package_of_the_command_loads_nothing_heavy() -> None:
    """Guests import `sesha.cli.checks.importing`, which must load neither argparse nor rich."""
    check = (
        "import sys, sesha.cli.checks.importing; "
        "print([name for name in ('argparse', 'rich', 'sesha.runtime') if name in sys.modules])"
    )
    child = subprocess.run(
        [sys.executable, "-I", "-c", check], capture_output=True, text=True, check=True
    )
    assert child.stdout.strip() == "[]"
