from pathlib import Path

import pytest

from tests.cli.running import run, run_json


def test_sign_and_verify(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha sign` signs with a new key, and `sesha verify --key` tells who did."""
    pytest.importorskip("cryptography")
    key = tmp_path / "key.pem"
    signed = tmp_path / "signed.sesha"
    code, made = run_json(capsys, "sign", package, "--key", key, "--new-key", "-o", signed)
    assert code == 0
    code, found = run_json(capsys, "verify", signed, "--key", f"{key}.pub")
    assert (code, found["ok"]) == (0, True)
    assert made["key_sha256"] in found["checks"]["signature"]
    code, found = run_json(capsys, "verify", package, "--key", f"{key}.pub")
    assert (code, found["ok"]) == (1, False)
    assert "not signed" in found["error"]


def test_missing_key_is_told_with_the_option_that_makes_one(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signing with a key that isn't there names `--new-key`."""
    pytest.importorskip("cryptography")
    code, _, err = run(capsys, "sign", package, "--key", tmp_path / "key.pem")
    assert code == 1
    assert "--new-key makes one there" in err
