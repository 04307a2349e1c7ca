import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs atheris")
def test_a_short_run_of_the_fuzzer_finds_nothing(tmp_path: Path) -> None:
    """5,000 changed packages, manifests and tensors are read or refused with a named error."""
    command = [sys.executable, "-m", "tests.attacks.fuzz", "-runs=5000", "-seed=1"]
    command += [f"-artifact_prefix={tmp_path}/"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Done 5000 runs" in done.stderr
    assert not [*tmp_path.iterdir()]
