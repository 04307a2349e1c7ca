"""Programs that tests run in processes of their own, because of how they end."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 120
"""A program that takes so long hangs."""


def environment() -> dict[str, str]:
    paths = [str(ROOT), *(path for path in sys.path if path)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run_script(source: str) -> subprocess.CompletedProcess[str]:
    """Run the program and return what it printed and how it ended."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
