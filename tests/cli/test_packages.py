"""What holds for every command on packages."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sesha.cli import main
from tests.cli.running import run


@pytest.mark.parametrize(
    "command", ["inspect", "graph", "extract", "verify", "diff", "sign", "convert"]
)
def test_bad_files_are_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no package, or isn't there, is one clear line on standard error and exit code 1."""
    pytest.importorskip("cryptography")
    noise = tmp_path / "noise"
    noise.write_bytes(os.urandom(3000))
    key = tmp_path / "key.pem"
    if command == "sign":
        run(capsys, "sign", "--key", key, "--new-key")
    for file in (noise, tmp_path / "none"):
        options: dict[str, list[str | Path]] = {
            "diff": [file],
            "extract": [tmp_path / "out"],
            "sign": ["--key", key],
            "convert": [tmp_path / "new.sesha"],
        }
        code, out, err = run(capsys, command, file, *options.get(command, []))
        assert (code, out, err.count("\n")) == (1, "", 1), err
        assert err.startswith("sesha: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", "x", "--allow", "a**"],
        ["sign", "--key", "k"],
        ["pack", "x"],
        ["pack", "x:y", "-o", "z", "--data", "a/b**"],
        ["graph", "x", "--format", "png"],
    ],
)
def test_senseless_arguments_exit_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Arguments that make no sense are explained with the usage and exit code 2."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: sesha" in capsys.readouterr().err


def test_commands_run_nothing_of_the_package(package: Path, tmp_path: Path) -> None:
    """Looking inside imports neither torch nor numpy nor the runtime, nor any packaged module."""
    script = (
        "import sys; from sesha.cli import main; "
        f"main(['inspect', {str(package)!r}]); main(['graph', {str(package)!r}]); "
        f"main(['diff', {str(package)!r}, {str(package)!r}]); "
        "print([n for n in sys.modules if n.split('.')[0] in ('torch', 'numpy', 'shop') "
        "or n.startswith(('sesha.runtime', '_sesha_package'))])"
    )
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert child.stdout.splitlines()[-1] == "[]"
