"""Runs commands as a user does, and the module that they are tried on."""

import json
from pathlib import Path
from typing import Any

import pytest

from sesha.cli import main

MODULE = """
import math


class Root:
    def __init__(self, power):
        self.power = power

    def __call__(self, value, *, scale=1.0):
        return scale * math.pow(value, 1 / self.power)


def make():
    return Root(3)


def inputs():
    return {"value": 27.0, "scale": 2.0}


def fail():
    raise LookupError("no weights")
"""


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(list(map(str, arguments)))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any]:
    code, out, _ = run(capsys, *arguments, "--json")
    return code, json.loads(out)
