"""The demo as a person runs it, on few sentences."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch
pytest.importorskip("transformers", reason="needs scripts/setup demo")

_ROOT = Path(__file__).resolve().parents[2]


def run_demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "demo", *arguments],
        cwd=_ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_packs_answers_compares_and_agrees_with_the_host(tmp_path: Path) -> None:
    """From a package, the demo finds what a query means, agrees with the host, draws its table."""
    picture, scratch = tmp_path / "table.svg", tmp_path / "scratch"
    scratch.mkdir()
    options = ["--sentences", "40", "--rounds", "1", "--per-round", "8", "--picture", str(picture)]
    done = run_demo(*options, TMPDIR=str(scratch))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^package +all-MiniLM-L6-v2 1\.0, Python >=3\.11", done.stdout, re.MULTILINE)
    assert re.search(r"^code +demo, demo\.encoder *$", done.stdout, re.MULTILINE)
    assert re.search(r"^needs .*tokenizers .*torch .*transformers ", done.stdout, re.MULTILINE)
    assert "nothing flagged" in done.stdout
    answers = done.stdout.split("Rich bachelors need a wife.")[1]
    first = next(line for line in answers.splitlines() if re.match(r"\s+0\.\d\d ", line))
    assert "a truth universally acknowledged" in first
    assert "40 of the vectors, computed by the host: largest difference" in done.stdout
    for name in ("1 interpreter", "1 interpreter, 2 threads", "2 interpreters", "2 processes"):
        assert re.search(rf"│ {name} +│ +\d+ │", done.stdout), done.stdout
    assert "2 processes" in picture.read_text(encoding="utf-8")
    assert list(scratch.glob("sesha-*")) == []


def test_refuses_nonsense() -> None:
    """A number of sentences below one is an error that says so."""
    done = run_demo("--sentences", "0")
    assert done.returncode == 2
    assert "must be at least 1" in done.stderr
