import importlib
from pathlib import Path

import pytest

from sesha.package import SelfTestError, pack, trial
from sesha.package.container import open_file
from tests.package.conftest import Project


def test_crash_of_the_fresh_interpreter_is_told(project: Project, tmp_path: Path) -> None:
    """If the fresh interpreter ends by itself, the error tells its exit code."""
    project(
        {
            "ends.py": """
                import os, sys

                def f():
                    if "sesha.package.packing" not in sys.modules:
                        os._exit(7)
            """
        }
    )
    with pytest.raises(SelfTestError, match="code 7"):
        pack(importlib.import_module("ends").f, tmp_path / "a.sesha", example_inputs=())


def test_fresh_interpreter_has_as_many_threads(project: Project, tmp_path: Path) -> None:
    """torch computes on as many threads in the trial as here: sums depend on their number."""
    torch = pytest.importorskip("torch")
    project({"threads.py": "import torch\n\ndef f():\n    return torch.get_num_threads()\n"})
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        pack(importlib.import_module("threads").f, tmp_path / "a.sesha", example_inputs=())
    finally:
        torch.set_num_threads(before)


def test_open_file_is_run(project: Project, tmp_path: Path) -> None:
    """Given an open file, the fresh interpreter runs that one, not what its path leads to now."""
    project({"add.py": "def f(x):\n    return x + 1\n"})
    path = tmp_path / "a.sesha"
    pack(importlib.import_module("add").f, path, example_inputs=1)
    with open_file(path) as file:
        path.unlink()
        trial.run_alone(path, file=file)
    with pytest.raises(SelfTestError, match=r"^\[Errno 2\] No such file") as caught:
        trial.run_alone(path)
    assert caught.value.missing is None


def test_other_output_of_a_fresh_interpreter_is_told_alone(
    project: Project, tmp_path: Path
) -> None:
    """If only the output differs, the error has the differences and no traceback."""
    source = "import os, sys\n\ndef f():\n    sys.stderr.write('noise')\n    return os.getpid()\n"
    project({"pid.py": source})
    path = tmp_path / "a.sesha"
    pack(importlib.import_module("pid").f, path, example_inputs=(), self_test=False)
    with pytest.raises(SelfTestError) as caught:
        trial.run_alone(path)
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("the self-test of the package a 0, ")
    assert lines[0].endswith("a.sesha gives another output than when it was packed:")
    assert lines[1].startswith("  output is ")
    assert "Traceback" not in str(caught.value)
