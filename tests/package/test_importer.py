import copy
import gc
import importlib
import importlib.resources
import inspect
import linecache
import os
import pdb  # noqa: T100 - what is tested
import pickle
import subprocess
import sys
import threading
import traceback
import weakref
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sesha.package import (
    HermeticError,
    PackageExporter,
    PackageImporter,
    is_from_package,
)
from sesha.package.errors import (
    DependencyError,
    EnvironmentMismatchError,
    FormatError,
    MemberMissingError,
    PackageError,
)
from sesha.package.manifest import Extern, Manifest, PythonRange
from sesha.package.writer import ContainerWriter
from tests.package.conftest import Project


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "model.sesha"


def write(target: Path, sources: dict[str, str], **texts: str) -> Path:
    with PackageExporter(target) as exporter:
        for name, source in sources.items():
            exporter.save_source_string(name, source, is_package=name.endswith("pkg"))
        for name, text in texts.items():
            exporter.save_text("pkg", f"{name}.txt", text)
    return target


def unpack(target: Path, folder: Path) -> Path:
    with zipfile.ZipFile(target) as archive:
        archive.extractall(folder)
    return folder


def test_modules_are_the_packages_own(target: Path) -> None:
    """Modules come from the package, not from this environment, and are imported once."""
    write(target, {"pkg": "", "pkg.a": "X = []\n", "pkg.b": "from pkg.a import X\n"})
    with PackageImporter(target) as importer:
        a = importer.import_module("pkg.a")
        assert importer.import_module("pkg.b").X is a.X
        assert importer.import_module("pkg").a is a
        assert importer.import_module(a.__name__) is a
        assert importer.import_module(".a", "pkg") is a
        assert importer.modules["pkg.a"] is a
        assert "pkg.a" not in sys.modules
        assert sys.modules[a.__name__] is a


def test_unknown_module(target: Path) -> None:
    """A module that isn't packaged is an ImportError that names package and module."""
    write(target, {"m": ""})
    with PackageImporter(target) as importer:
        with pytest.raises(HermeticError, match=r"model\.sesha has no module 'nowhere'") as caught:
            importer.import_module("nowhere")
        assert caught.value.name == "nowhere"
        with pytest.raises(HermeticError, match=r"'m\.sub'"):
            importer.import_module("m.sub")


def test_from_folder(target: Path, tmp_path: Path) -> None:
    """An unpacked package is opened as a folder, and its files are where tracebacks say."""
    write(target, {"pkg": "", "pkg.a": "X = 1\n"}, note="hello")
    with PackageImporter(unpack(target, tmp_path / "folder")) as importer:
        module = importer.import_module("pkg.a")
        assert module.X == 1
        assert Path(module.__file__ or "").read_text() == "X = 1\n"
        assert importer.load_text("pkg", "note.txt") == "hello"


def test_module_allowed(target: Path) -> None:
    """module_allowed is asked about each extern, and refuses the package."""
    write(target, {"m": "import json, numpy\n"})
    asked: list[str] = []

    def allowed(name: str) -> bool:
        asked.append(name)
        return name != "numpy"

    with pytest.raises(ImportError, match="numpy"):
        PackageImporter(target, allowed)
    assert asked == ["json", "numpy"]


def test_missing_resources(target: Path) -> None:
    """A resource that isn't there, and one with a slash in its name, are errors that say so."""
    write(target, {"pkg": ""})
    with PackageImporter(target) as importer:
        with pytest.raises(MemberMissingError, match=r"'x\.txt'"):
            importer.load_text("pkg", "x.txt")
        with pytest.raises(ValueError, match="plain file name"):
            importer.load_text("pkg", "../x.txt")


def test_file_structure(target: Path) -> None:
    """The members are a tree that globs choose from."""
    write(target, {"pkg": "", "pkg.a": ""}, note="x")
    with PackageImporter(target) as importer:
        assert importer.file_structure().has_file("pkg/note.txt")
        tree = importer.file_structure(include="**/*.py", exclude="**/a.py")
        assert tree.has_file("pkg/__init__.py")
        assert not tree.has_file("pkg/a.py")
        assert "__init__.py" in str(tree)


def test_get_source(target: Path) -> None:
    """The source of a module is given by its plain and its mangled name."""
    write(target, {"m": "X = 'ü'\n"})
    with PackageImporter(target) as importer:
        module = importer.import_module("m")
        assert importer.get_source("m") == "X = 'ü'\n"
        assert importer.get_source(module.__name__) == "X = 'ü'\n"
        with pytest.raises(HermeticError):
            importer.get_source("n")


def test_importlib_resources(target: Path) -> None:
    """importlib.resources reads a package's files, from its own code too."""
    own = (
        "import importlib.resources as r\n"
        "def read():\n"
        "    return r.files(__package__).joinpath('note.txt').read_text()\n"
    )
    write(target, {"pkg": "", "pkg.own": own}, note="hello")
    with PackageImporter(target) as importer:
        package = importer.import_module("pkg")
        files = importlib.resources.files(package)
        assert sorted(each.name for each in files.iterdir()) == [
            "__init__.py",
            "note.txt",
            "own.py",
        ]
        assert (files / "note.txt").read_bytes() == b"hello"
        assert not (files / "other.txt").is_file()
        with importlib.resources.as_file(files / "note.txt") as path:
            assert path.read_text() == "hello"
        assert importer.import_module("pkg.own").read() == "hello"
        reader = importer.get_resource_reader(package.__name__)
        assert reader.is_resource("note.txt")
        with pytest.raises(FileNotFoundError):
            (files / "other.txt").read_text()


def test_two_versions_side_by_side(tmp_path: Path) -> None:
    """Two packages with modules of one name don't meet."""
    write(tmp_path / "1.sesha", {"m": "class C:\n    v = 1\n"})
    write(tmp_path / "2.sesha", {"m": "class C:\n    v = 2\n"})
    with PackageImporter(tmp_path / "1.sesha") as one, PackageImporter(tmp_path / "2.sesha") as two:
        first, second = one.import_module("m"), two.import_module("m")
        assert (first.C.v, second.C.v) == (1, 2)
        assert first.__name__ != second.__name__
        assert one.id() != two.id()


def test_one_file_opened_twice(target: Path) -> None:
    """Opening a package twice gives two sets of modules."""
    write(target, {"m": "X = []\n"})
    with PackageImporter(target) as one, PackageImporter(target) as two:
        assert one.import_module("m").X is not two.import_module("m").X


def test_is_from_package(target: Path) -> None:
    """Objects, classes, functions and modules of a package are told from others."""
    write(target, {"m": "import json\nclass C: pass\ndef f(): pass\n"})
    with PackageImporter(target) as importer:
        module = importer.import_module("m")
        for thing in (module, module.C, module.C(), module.f):
            assert is_from_package(thing)
        for thing in (module.json, json_decoder(), int, 3, ModuleType("x")):
            assert not is_from_package(thing)
        assert module.__torch_package__ is True


def json_decoder() -> Any:
    return importlib.import_module("json").JSONDecoder()


def test_importer_is_importable_inside(target: Path) -> None:
    """Packaged code gets its importer as torch_package_importer and sesha_package_importer."""
    source = (
        "import torch_package_importer as a\n"
        "import sesha_package_importer as b\n"
        "from torch_package_importer import load_text\n"
    )
    write(target, {"m": source})
    with PackageImporter(target) as importer:
        module = importer.import_module("m")
        assert module.a is importer
        assert module.b is importer


def test_dataclass_with_postponed_annotations(project: Project, target: Path) -> None:
    """A dataclass of a module with postponed annotations is imported and loaded."""
    project(
        {
            "data.py": """
                from __future__ import annotations
                import dataclasses
                from typing import ClassVar

                @dataclasses.dataclass
                class Point:
                    kind: ClassVar[str] = "p"
                    x: int
                    y: int = 2
            """
        }
    )
    point = importlib.import_module("data").Point(1)
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "p.pkl", point)
    with PackageImporter(target) as importer:
        loaded = importer.load_pickle("saved", "p.pkl")
        assert (loaded.x, loaded.y, loaded.kind) == (1, 2, "p")


def test_loaded_objects_are_pickled_and_copied(project: Project, target: Path) -> None:
    """pickle and copy treat loaded objects as any other of the process."""
    project({"box.py": "class Box:\n    def __init__(self, v):\n        self.v = v\n"})
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "b.pkl", importlib.import_module("box").Box([1]))
    with PackageImporter(target) as importer:
        box = importer.load_pickle("saved", "b.pkl")
        again = pickle.loads(pickle.dumps(box))
        assert type(again) is type(box)
        assert again.v == [1]
        deep = copy.deepcopy(box)
        assert deep.v == [1]
        assert deep.v is not box.v


def test_inspect_and_tracebacks_show_source(target: Path) -> None:
    """inspect.getsource, tracebacks and linecache have the lines of packaged code."""
    source = (
        "class C:\n    def m(self):\n        raise ValueError('here')\n\n\ndef f():\n    C().m()\n"
    )
    write(target, {"m": source})
    with PackageImporter(target) as importer:
        module = importer.import_module("m")
        assert inspect.getsource(module.f) == "def f():\n    C().m()\n"
        assert inspect.getsource(module.C).startswith("class C:")
        assert inspect.getsource(module) == source
        with pytest.raises(ValueError, match="here") as caught:
            module.f()
        text = "".join(traceback.format_exception(caught.value))
        assert f'File "{target}/m.py", line 3, in m' in text
        assert "raise ValueError('here')" in text
        assert linecache.getline(f"{target}/m.py", 6) == "def f():\n"


def test_replaced_file_shows_its_own_lines(target: Path) -> None:
    """Of two packages opened one after the other at one path, each shows its own source."""
    write(target, {"m": "def f():\n    return 'old'\n"})
    with PackageImporter(target) as one:
        old = one.import_module("m").f
        assert "old" in inspect.getsource(old)
        write(target, {"m": "def f():\n    return 'new'\n"})
        with PackageImporter(target) as two:
            new = two.import_module("m").f
            assert "new" in inspect.getsource(new)
            assert "old" in inspect.getsource(old)


def test_debugger_stops_in_packaged_code(target: Path) -> None:
    """A breakpoint by file and line is accepted and hit."""
    write(target, {"m": "def f(x):\n    y = x + 1\n    return y\n"})
    with PackageImporter(target) as importer:
        module = importer.import_module("m")

        class Debugger(pdb.Pdb):
            stops: list[tuple[str, int]] = []  # noqa: RUF012 - one test long

            def user_line(self, frame: Any) -> None:
                self.stops.append((frame.f_code.co_filename, frame.f_lineno))
                self.set_continue()

        debugger = Debugger(nosigint=True, readrc=False)
        debugger.botframe = None
        assert debugger.set_break(f"{target}/m.py", 2) is None
        debugger.runcall(module.f, 1)
        assert (f"{target}/m.py", 2) in debugger.stops


def test_externs_are_checked_together(target: Path) -> None:
    """One error lists all distributions that are missing or others, and the pip command."""
    with ContainerWriter(target) as writer:
        writer.finish(
            Manifest(
                "m",
                "1",
                externs=(
                    Extern("absent", "absent-dist", "1.0"),
                    Extern("numpy", "numpy", "0.1"),
                    Extern("pytest", "pytest", importlib.import_module("pytest").__version__),
                ),
            )
        )
    with pytest.raises(DependencyError) as caught:
        PackageImporter(target)
    text = str(caught.value)
    assert "absent-dist 1.0 is not installed" in text
    assert "numpy 0.1 is needed" in text
    assert 'pip install "absent-dist==1.0" "numpy==0.1"' in text
    assert "\n  pytest" not in text
    PackageImporter(target, check="none").close()
    with pytest.raises(ValueError, match="check"):
        PackageImporter(target, check="maybe")


def test_python_and_platform_are_checked(target: Path) -> None:
    """Another Python or platform than the package runs on is an error that lists all of it."""
    with ContainerWriter(target) as writer:
        writer.finish(
            Manifest(
                "m",
                "1",
                python=PythonRange("3.99"),
                platforms=("plan9-mips",),
                externs=(Extern("absent", "absent-dist", "1.0"),),
            )
        )
    with pytest.raises(EnvironmentMismatchError, match=r">=3.99[\s\S]*plan9[\s\S]*absent-dist"):
        PackageImporter(target)


def test_entry_points(target: Path) -> None:
    """An object is loaded by the name of its entry point."""
    with PackageExporter(target) as exporter:
        exporter.save_pickle("objects", "a.pkl", {"a": 1})
        exporter.add_entry_point("default", "objects", "a.pkl")
    with PackageImporter(target) as importer:
        assert importer.load() == {"a": 1}
        with pytest.raises(PackageError, match=r"'other'.*\['default'\]"):
            importer.load("other")


def test_close_takes_modules_out(target: Path) -> None:
    """A closed package leaves nothing in sys.modules or linecache; its objects go on working."""
    write(target, {"m": "import math\ndef f(x):\n    return math.sqrt(x)\n"})
    importer = PackageImporter(target)
    module = importer.import_module("m")
    inspect.getsource(module.f)
    prefix = importer.id()
    importer.close()
    importer.close()
    assert [name for name in sys.modules if name.startswith(prefix)] == []
    assert f"{target}/m.py" not in linecache.cache
    assert module.f(4) == 2
    gone = weakref.ref(importer)
    del importer, module
    gc.collect()
    assert gone() is None


def test_module_that_raises_is_tried_again(target: Path) -> None:
    """A module whose code raises is not left behind half made."""
    write(target, {"m": "import sesha_package_importer as i\nassert hasattr(i, 'ready')\n"})
    with PackageImporter(target) as importer:
        with pytest.raises(AssertionError):
            importer.import_module("m")
        importer.ready = True  # type: ignore[attr-defined]
        assert importer.import_module("m").i is importer


def test_many_threads_import_once(target: Path) -> None:
    """A module that many threads import at once is executed once, and all see it whole."""
    source = "import time\nruns.append(1)\ntime.sleep(0.05)\nDONE = True\n"
    start = "import sesha_package_importer\nruns = sesha_package_importer.runs\n"
    user = "from pkg.slow import DONE\n"
    write(target, {"pkg": "", "pkg.slow": start + source, "pkg.user": user})
    with PackageImporter(target) as importer:
        runs: list[int] = []
        importer.runs = runs  # type: ignore[attr-defined]
        results: list[bool] = []
        gate = threading.Barrier(8)

        def work() -> None:
            gate.wait()
            results.append(importer.import_module("pkg.user").DONE)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert runs == [1]
        assert results == [True] * 8


def test_circular_imports_of_two_threads(target: Path) -> None:
    """Two threads that enter a circle of imports at different places both come out."""
    write(
        target,
        {
            "a": "import time\ntime.sleep(0.05)\nimport b\nA = 1\n",
            "b": "import time\ntime.sleep(0.05)\nimport a\nB = 1\n",
        },
    )
    with PackageImporter(target) as importer:
        found: list[str] = []

        def work(name: str) -> None:
            found.append(importer.import_module(name).__name__)

        threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(found) == 2


def test_not_a_package(tmp_path: Path) -> None:
    """A file that is no package, and one that isn't there, are errors that name it."""
    path = tmp_path / "x.sesha"
    path.write_bytes(b"not a zip at all")
    with pytest.raises(FormatError):
        PackageImporter(path)
    with pytest.raises(FileNotFoundError):
        PackageImporter(tmp_path / "absent.sesha")


def test_plain_python_needs_neither_torch_nor_numpy(target: Path) -> None:
    """A package of plain Python loads in an interpreter that imports neither torch nor numpy."""
    write(target, {"m": "X = 3\n"})
    code = (
        "import sys\nfrom sesha.package import PackageImporter\n"
        f"importer = PackageImporter({str(target)!r})\n"
        "assert importer.import_module('m').X == 3\n"
        "assert not {'torch', 'numpy', 'cloudpickle', 'sesha._native', 'sesha.runtime'} "
        "& set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
