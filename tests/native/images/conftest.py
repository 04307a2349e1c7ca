"""A compiler for the fixtures, and two interpreters to load them in."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import sesha

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIXTURES = Path(__file__).parent.parent / "fixtures"


class Compiler:
    """Builds the libraries of one test into a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, name: str, source: str, *options: str, soname: str | None = None) -> str:
        """Return the path of the shared library `name`, made of a fixture's source.

        Its soname is `name` unless `soname` says otherwise; "" leaves it without one.
        """
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        compiler = shutil.which("g++" if source.endswith(".cpp") else "gcc")
        if compiler is None:
            pytest.skip("there is no compiler")
        command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(path), str(FIXTURES / source)]
        if soname != "":
            command.append(f"-Wl,-soname,{soname or path.name}")
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return str(path)


@pytest.fixture
def build(tmp_path: Path) -> Compiler:
    return Compiler(tmp_path)


@pytest.fixture(scope="session")
def pool() -> Iterator[sesha.Pool]:
    with sesha.Pool(interpreters=2) as two:
        yield two


@pytest.fixture
def everywhere(pool: sesha.Pool) -> Callable[..., list[Any]]:
    """Call a function in the host, where the process's own loader serves it, and in each guest."""

    def run(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> list[Any]:
        return [function(*arguments, **keywords), *pool.broadcast(function, *arguments, **keywords)]

    return run
