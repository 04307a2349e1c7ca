"""The exercises that there are, and what each says about itself."""

import ast
import dataclasses
import importlib.metadata
import platform
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "exercises"


@dataclasses.dataclass(frozen=True, slots=True)
class Exercise:
    """An exercise as its module declares it.

    Attributes:
        name: Of its module below `tests.compat.exercises`.
        distribution: What must be installed; empty for the standard library.
        made_with: The tool that binds the package's native code to Python.
        about: What the exercise does, a sentence.
        note: What a user of the package should know; mostly empty.
        seconds: How long its trial may take.
        beside_host: Whether the host runs it at the same moment as the interpreters.
    """

    name: str
    distribution: str
    made_with: str
    about: str
    note: str
    seconds: float
    beside_host: bool

    @property
    def module(self) -> str:
        """The dotted name by which every interpreter imports it."""
        return f"tests.compat.exercises.{self.name}"

    @property
    def package(self) -> str:
        """What the table calls it."""
        part = self.name.partition("_")[2]
        if not self.distribution:
            return f"standard library: {part}"
        return f"torch: {part}" if self.distribution == "torch" else self.distribution

    @property
    def version(self) -> str:
        """The installed version; empty when the package is missing here."""
        if not self.distribution:
            return platform.python_version()
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return ""


def _declaration(path: Path) -> Exercise:
    """Reads an exercise's constants; its module is not imported, since that imports the package."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants: dict[str, Any] = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in ("DISTRIBUTION", "MADE_WITH", "NOTE", "SECONDS", "BESIDE_HOST")
    }
    about = (ast.get_docstring(tree) or "").partition("\n")[0].removesuffix(".")
    return Exercise(
        path.stem,
        constants["DISTRIBUTION"],
        constants["MADE_WITH"],
        about,
        constants.get("NOTE", ""),
        constants.get("SECONDS", 300.0),
        constants.get("BESIDE_HOST", True),
    )


@cache
def all_exercises() -> tuple[Exercise, ...]:
    """Every exercise, by name."""
    return tuple(_declaration(path) for path in sorted(_FOLDER.glob("[a-z]*.py")))
