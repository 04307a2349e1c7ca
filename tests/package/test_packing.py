import importlib
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sesha.package import PackageImporter, PackagingError, SelfTestError, pack
from sesha.package.errors import PickleError
from tests.package.conftest import Project


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "model.sesha"


def iter_nothing() -> Iterator[int]:
    yield from ()


def left_in(folder: Path) -> list[str]:
    return [each.name for each in folder.iterdir() if each.name != "project"]


def test_pack_needs_no_patterns(project: Project, target: Path) -> None:
    """An object is packed with its code, tried in a fresh interpreter, and loads again."""
    project(
        {
            "shop/__init__.py": "",
            "shop/model.py": """
                from . import prices

                class Model:
                    def __init__(self, factor):
                        self.factor = factor

                    def __call__(self, item, *, count=1):
                        return {"total": prices.of(item) * self.factor * count}
            """,
            "shop/prices.py": "def of(item):\n    return len(item)\n",
        }
    )
    model = importlib.import_module("shop.model").Model(10)
    manifest = pack(model, target, version="2.0", example_inputs={"item": "abc", "count": 2})
    assert [module.name for module in manifest.modules] == ["shop", "shop.model", "shop.prices"]
    assert (manifest.name, manifest.version) == ("model", "2.0")
    assert manifest.self_test is not None
    with PackageImporter(target) as importer:
        assert importer.load()("ab") == {"total": 20}
        assert importer.load_member(manifest.self_test.outputs) == {"total": 60}
    assert left_in(target.parent) == ["model.sesha"]


def test_computed_imports_are_seen_by_running(project: Project, target: Path) -> None:
    """Modules whose names are computed are found when the object runs on its example inputs."""
    project(
        {
            "main_part.py": """
                import importlib
                from importlib import import_module as load

                def run(kind):
                    plugin = importlib.import_module("plugins." + kind)
                    other = load(".".join(["plugins", "common"]))
                    third = __import__("third_" + kind)
                    return plugin.NAME + other.NAME + third.NAME
            """,
            "plugins/__init__.py": "",
            "plugins/fast.py": "NAME = 'fast'\n",
            "plugins/unused.py": "NAME = 'unused'\n",
            "plugins/common.py": "NAME = 'common'\n",
            "third_fast.py": "import fourth\nNAME = fourth.NAME\n",
            "fourth.py": "NAME = 'fourth'\n",
        }
    )
    run = importlib.import_module("main_part").run
    manifest = pack(run, target, example_inputs="fast")
    assert [module.name for module in manifest.modules] == [
        "fourth",
        "main_part",
        "plugins",
        "plugins.common",
        "plugins.fast",
        "third_fast",
    ]


def test_other_output_keeps_the_file_back(project: Project, target: Path) -> None:
    """A package that gives another output than the object does not appear, and the error tells."""
    project({"pid.py": "import os\n\ndef f():\n    return [1, os.getpid()]\n"})
    with pytest.raises(SelfTestError, match=r"output\[1\] is \d+, not \d+"):
        pack(importlib.import_module("pid").f, target, example_inputs=())
    assert left_in(target.parent) == []


def test_tolerance(project: Project, target: Path) -> None:
    """Outputs may be apart as far as the tolerance says."""
    project({"near.py": "import os\n\ndef f():\n    return 1.0 + (os.getpid() % 97 + 1) * 1e-9\n"})
    near = importlib.import_module("near").f
    assert pack(near, target, example_inputs=(), tolerance="1e-6").self_test is not None


def test_source_tree_is_hidden_from_the_trial(project: Project, target: Path) -> None:
    """Code that reaches its source tree behind the importer's back fails the trial."""
    project(
        {
            "sneaky.py": """
                import subprocess, sys

                def f():
                    import pickle
                    return pickle.loads(b"csneaky_data\\nVALUE\\n.")
            """,
            "sneaky_data.py": "VALUE = 5\n",
        }
    )
    f = importlib.import_module("sneaky").f
    assert f() == 5
    with pytest.raises(SelfTestError, match="sneaky_data"):
        pack(f, target, example_inputs=(), intern="sneaky_data")
    assert not target.exists()


def test_without_inputs(target: Path) -> None:
    """Without example inputs a package is written and has no self-test."""
    manifest = pack({"a": 1}, target)
    assert manifest.self_test is None
    with PackageImporter(target) as importer:
        assert importer.load() == {"a": 1}


def test_methods(project: Project, target: Path) -> None:
    """The example calls the method that is named, or predict if the object can't be called."""
    project(
        {
            "est.py": """
                class Estimator:
                    def predict(self, x):
                        return x + 1

                    def score(self, x):
                        return x * 10
            """
        }
    )
    estimator = importlib.import_module("est").Estimator()
    pack(estimator, target, example_inputs=(1,))
    with PackageImporter(target) as importer:
        assert importer.manifest is not None
        assert importer.manifest.self_test is not None
        assert importer.load_member(importer.manifest.self_test.outputs) == 2
    pack(estimator, target, example_inputs=(1,), method="score")
    with pytest.raises(TypeError, match="method="):
        pack(object(), target, example_inputs=(1,))


def test_problems_are_one_report(project: Project, target: Path) -> None:
    """All that can't be packaged is one error, before the object is called."""
    project(
        {
            "needs.py": """
                import own_extension

                def f():
                    raise AssertionError("called")
            """,
        }
    )
    sys.modules["own_extension"] = importlib.import_module("json")
    folder = project({})
    (folder / "own_extension.abi3.so").write_bytes(b"\x7fELF")
    try:
        f = importlib.import_module("needs").f
        del sys.modules["own_extension"]
        with pytest.raises(PackagingError, match=r"own_extension[\s\S]*needed by"):
            pack(f, target, example_inputs=())
    finally:
        sys.modules.pop("own_extension", None)
    assert left_in(target.parent) == []


def test_failures_leave_the_old_package(target: Path) -> None:
    """If packing fails, what was at the target stays."""
    pack({"a": 1}, target)
    before = target.read_bytes()
    with pytest.raises(PickleError):
        pack(iter_nothing(), target)
    assert target.read_bytes() == before
    assert left_in(target.parent) == ["model.sesha"]


def test_trial_that_hangs(project: Project, target: Path) -> None:
    """A trial that does not end within its time is an error."""
    project(
        {
            "slow.py": """
                import sys, time

                def f():
                    if "sesha.package.packing" not in sys.modules:
                        time.sleep(600)
            """
        }
    )
    with pytest.raises(SelfTestError, match="within 3 s"):
        pack(importlib.import_module("slow").f, target, example_inputs=(), timeout=3)


def test_random_numbers_are_seeded(project: Project, target: Path) -> None:
    """A model that draws random numbers gives the same in the trial, and the caller's go on."""
    import random  # noqa: PLC0415 - its state is what is looked at

    project({"dice.py": "import random\n\ndef f():\n    return random.random()\n"})
    random.seed(7)
    expected = random.Random(7).random()
    pack(importlib.import_module("dice").f, target, example_inputs=())
    assert random.random() == expected


def test_script_packs_what_it_defines(tmp_path: Path, target: Path) -> None:
    """A class of __main__, a closure and a module beside the script are packed from the script."""
    (tmp_path / "beside.py").write_text("OFFSET = 100\n")
    script = tmp_path / "train.py"
    script.write_text(
        textwrap.dedent(
            f"""
            from dataclasses import dataclass
            import beside
            from sesha.package import pack

            @dataclass
            class Model:
                scale: int

                def __call__(self, x):
                    from beside import OFFSET
                    return x * self.scale + OFFSET

            def wrap(model):
                return lambda x: model(x) + beside.OFFSET

            if __name__ == "__main__":
                pack(wrap(Model(3)), {str(target)!r}, example_inputs=5)
            """
        )
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, str(script)], check=True, env=environment, cwd=tmp_path)
    with PackageImporter(target) as importer:
        assert importer.load()(5) == 215


READS = {
    "open": """
        import os

        def f():
            with open(os.path.join(os.path.dirname(__file__), "lists", "words.txt")) as file:
                return file.read().split()
    """,
    "importlib.resources": """
        from importlib.resources import files

        def f():
            return files("shop").joinpath("lists", "words.txt").read_text().split()
    """,
    "pkgutil": """
        import pkgutil

        def f():
            return pkgutil.get_data("shop", "lists/words.txt").decode().split()
    """,
    "pathlib": """
        from pathlib import Path

        def f():
            return Path(__file__).with_name("lists").joinpath("words.txt").read_text().split()
    """,
}


def shop_that_reads(project: Project, way: str) -> Any:
    project({"shop/__init__.py": READS[way], "shop/lists/words.txt": "one two\n"})
    return importlib.import_module("shop").f


@pytest.mark.parametrize("way", ["open", "importlib.resources", "pkgutil"])
def test_data_files_are_found(project: Project, target: Path, way: str) -> None:
    """A data file that goes in is read beside the code, with open and as a resource."""
    manifest = pack(
        shop_that_reads(project, way), target, example_inputs=(), data="shop/lists/*.txt"
    )
    assert [each.member for each in manifest.resources if each.kind == "text"] == [
        "shop/lists/words.txt"
    ]
    with PackageImporter(target) as importer:
        assert importer.load()() == ["one", "two"]


@pytest.mark.parametrize("way", READS)
def test_missing_data_file_is_a_line_to_add(project: Project, target: Path, way: str) -> None:
    """If a file beside the code is missing in the trial, the error has the line that adds it."""
    with pytest.raises(SelfTestError) as caught:
        pack(shop_that_reads(project, way), target, example_inputs=())
    line = str(caught.value).splitlines()[-1]
    opened_by_path = "shop/lists/words.txt was opened by its path; read it with open(path)"
    assert (opened_by_path in str(caught.value)) == (way == "pathlib")
    assert line.endswith(
        "add: data=['shop/lists/words.txt'] (sesha pack --data shop/lists/words.txt)"
    )
    assert left_in(target.parent) == []


def test_report_of_the_trial_names_target_and_lines(project: Project, target: Path) -> None:
    """What fails in the trial is told with the package's path to be, and its source lines."""
    project(
        {
            "breaks.py": """
                import sys

                def f():
                    if "sesha.package.packing" not in sys.modules:
                        raise LookupError("no table")
            """
        }
    )
    with pytest.raises(SelfTestError) as caught:
        pack(importlib.import_module("breaks").f, target, example_inputs=())
    lines = str(caught.value).splitlines()
    assert lines[0].startswith(f"the self-test of {target} failed in a fresh interpreter")
    assert lines[2:4] == [
        f'  File "{target}/breaks.py", line 6, in f',
        '    raise LookupError("no table")',
    ]
    assert lines[-1] == "LookupError: no table"


def test_extern_and_mock_go_before_intern(project: Project, target: Path) -> None:
    """What is to stay outside, or be mocked, is so though a wider glob of `intern` matches."""
    project(
        {
            "own/__init__.py": "",
            "own/main.py": "import own.out, own.mocked\n\ndef f():\n    return 1\n",
            "own/out.py": "",
            "own/mocked.py": "",
        }
    )
    f = importlib.import_module("own.main").f
    manifest = pack(f, target, intern="own.**", extern="own.out", mock="own.mocked")
    assert [each.module for each in manifest.externs] == ["own.out"]
    assert manifest.mocks == ("own.mocked",)


def test_data_file_that_is_opened_by_path(project: Project, target: Path) -> None:
    """If a file of the package is read in a way that can't, the error tells those that can."""
    with pytest.raises(SelfTestError) as caught:
        pack(shop_that_reads(project, "pathlib"), target, example_inputs=(), data=["shop/**"])
    assert "shop/lists/words.txt is in the package" in str(caught.value)
    assert "importlib.resources.files(__package__)" in str(caught.value)


def test_data_file_of_the_working_directory(
    project: Project, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a file is sought in the working directory, the error tells where to keep it."""
    folder = project(
        {
            "reads.py": "def f():\n    with open('w.txt') as file:\n        return file.read()\n",
            "w.txt": "w",
        }
    )
    monkeypatch.chdir(folder)
    with pytest.raises(SelfTestError, match=r"w\.txt was looked for in the working directory"):
        pack(importlib.import_module("reads").f, target, example_inputs=())


def test_missing_file_of_elsewhere_is_no_advice(project: Project, target: Path) -> None:
    """A missing file that lies nowhere beside the code is the code's own error, and stays it."""
    project(
        {
            "gone.py": """
                import sys

                def f():
                    if "sesha.package.packing" in sys.modules:
                        return 1
                    try:
                        open("/nowhere/at/all")
                    except OSError as error:
                        raise RuntimeError("no table") from error
            """
        }
    )
    with pytest.raises(SelfTestError, match="RuntimeError: no table") as caught:
        pack(importlib.import_module("gone").f, target, example_inputs=())
    assert caught.value.missing is not None
    assert caught.value.missing.filename == "/nowhere/at/all"


@pytest.mark.torch
def test_model_of_torch(project: Project, target: Path) -> None:
    """An nn.Module is packed and tried with tensors as inputs and outputs."""
    torch = pytest.importorskip("torch")
    project(
        {
            "tnet.py": """
                import torch

                class Net(torch.nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.layer = torch.nn.Linear(4, 4)
                        self.drop = torch.nn.Dropout(0.5)

                    def forward(self, x, mask=None):
                        return {"y": self.drop(self.layer(x)), "n": [x.shape[0]]}
            """
        }
    )
    net: Any = importlib.import_module("tnet").Net()
    manifest = pack(net, target, example_inputs=(torch.randn(2, 4),))
    externs = {extern.module: extern.version for extern in manifest.externs if extern.version}
    assert externs == {"torch": torch.__version__}
    assert json.loads(manifest.to_json())["self_test"]["tolerance"] == "0"


def test_estimator_of_an_installed_library(target: Path) -> None:
    """An object whose code is all installed goes in as data, with its library locked."""
    numpy = pytest.importorskip("numpy")
    polynomial = numpy.polynomial.Polynomial([1.0, 2.0, 3.0])
    manifest = pack(polynomial, target, example_inputs=2.0)
    assert manifest.modules == ()
    assert "numpy" in {extern.distribution for extern in manifest.externs}
