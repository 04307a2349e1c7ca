"""Where images are kept: folders without room, or that hold no code."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

_PROGRAM = """
import sesha
if __name__ == "__main__":
    try:
        with sesha.Pool(interpreters=2) as pool:
            print(pool.broadcast("_struct:calcsize", "i"))
    except sesha.SeshaError as error:
        print(error)
"""


def _run_with_images_in(folder: Path, options: str) -> str:
    """Return what the program prints in a mount namespace where `folder` is a fresh tmpfs."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no unshare")
    namespace = [unshare, "--mount", *(["--map-root-user"] if os.geteuid() != 0 else [])]
    if subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this system gives a test no mount namespace")
    mount = f'mount -t tmpfs -o {options} tmpfs "$0" && exec "$@"'
    done = subprocess.run(
        [*namespace, "sh", "-c", mount, str(folder), sys.executable, "-c", _PROGRAM],
        env={**os.environ, "SESHA_IMAGE_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode == 32:  # of mount(8)
        pytest.skip(f"this system lets a test mount nothing: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_folder_that_allows_no_code(tmp_path: Path) -> None:
    """A folder mounted noexec is refused with the setting that helps."""
    output = _run_with_images_in(tmp_path, "noexec")
    assert str(tmp_path) in output
    assert "Set SESHA_IMAGE_DIR to a folder" in output
    assert "noexec" in output


def test_folder_with_too_little_room(tmp_path: Path) -> None:
    """However full a folder is, interpreters start and work, or an error says that it is full."""
    outcomes = set()
    for size in range(1024, 8192, 256):
        output = _run_with_images_in(tmp_path, f"size={size}k").strip()
        outcomes.add("full" if "No space left on device" in output else output)
    assert outcomes == {"full", "[4, 4]"}
