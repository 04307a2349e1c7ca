from pathlib import Path
from typing import Any

import pytest

from sesha.package.container import Container
from tests.cli.running import run


def test_verify_finds_an_altered_member(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A byte that was changed is found and its member named, in one line."""
    package.write_bytes(package.read_bytes().replace(b"LIMIT = 1", b"LIMIT = 9"))
    code, out, err = run(capsys, "verify", package)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "shop/alone.py" in err
    assert run(capsys, "verify", package, "--self-test")[0] == 1


def test_verify_opens_the_package_once(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the self-test runs is the file that was checked, whatever replaced it meanwhile."""
    package, other = tree / "root.sesha", tree / "other"
    options = ["--example-inputs", "rooting:inputs"]
    assert run(capsys, "pack", "rooting:make", "-o", package, *options)[0] == 0
    other.write_bytes(b"nothing")
    check = Container.verify

    def check_and_replace(self: Container, **kwargs: Any) -> None:
        check(self, **kwargs)
        other.replace(package)

    monkeypatch.setattr(Container, "verify", check_and_replace)
    assert run(capsys, "verify", package, "--self-test")[0] == 0
    assert package.read_bytes() == b"nothing"


def test_signature_is_not_passed_over(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sesha verify` without a key says that it left a signature unchecked."""
    pytest.importorskip("cryptography")
    assert run(capsys, "sign", package, "--key", tmp_path / "key.pem", "--new-key")[0] == 0
    code, out, _ = run(capsys, "verify", package)
    assert code == 0
    assert "not checked signature" in out
    assert "--key" in out


def test_self_test_must_be_there(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--self-test` of a package that has none is an error that says how to get one."""
    code, _, err = run(capsys, "verify", package, "--self-test")
    assert code == 1
    assert "example inputs" in err
