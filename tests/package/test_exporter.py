import io
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from sesha.package import (
    EmptyMatchError,
    Importer,
    ObjMismatchError,
    ObjNotFoundError,
    PackageExporter,
    PackageImporter,
    PackagingError,
    PackagingErrorReason,
    sys_importer,
)
from sesha.package.errors import MemberNameError, PackageError, PickleError
from tests.package.conftest import Project

FILES = {
    "app/__init__.py": "",
    "app/model.py": """
        from app import helpers
        from app.sub.deep import VALUE
        import json

        class Model:
            def __init__(self, scale):
                self.scale = scale

            def __call__(self, x):
                return helpers.double(x) * self.scale + VALUE
    """,
    "app/helpers.py": "def double(x):\n    return 2 * x\n",
    "app/sub/__init__.py": "LOADED = True\n",
    "app/sub/deep.py": "VALUE = 1\n",
}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "model.sesha"


def iter_nothing() -> Iterator[int]:
    yield from ()


def load(name: str) -> ModuleType:
    __import__(name)
    return sys.modules[name]


def test_own_code_goes_in_and_the_rest_stays_out(project: Project, target: Path) -> None:
    """Without any pattern, the user's source is interned and all else is extern."""
    project(FILES)
    model = load("app.model").Model(10)
    with PackageExporter(target) as exporter:
        exporter.save_pickle("app.saved", "model.pkl", model)
    assert exporter.interned_modules() == [
        "app",
        "app.helpers",
        "app.model",
        "app.sub",
        "app.sub.deep",
    ]
    assert exporter.externed_modules() == ["json"]
    with PackageImporter(target) as importer:
        assert importer.load_pickle("app.saved", "model.pkl")(3) == 61


def test_installed_distributions_are_locked(project: Project, target: Path) -> None:
    """An extern that is always needed is in the manifest with its distribution and version."""
    project({"uses.py": "import numpy.linalg as la\n\ndef f(x):\n    return la.norm(x)\n"})
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "f.pkl", load("uses").f)
    with PackageImporter(target) as importer:
        assert importer.manifest is not None
        externs = {extern.module: extern for extern in importer.manifest.externs}
        numpy = externs["numpy"]
        assert (numpy.distribution, numpy.version) == ("numpy", sys.modules["numpy"].__version__)
        assert len(numpy.record_sha256) == 64
        assert importer.load_pickle("saved", "f.pkl")([3.0, 4.0]) == 5.0


def test_what_code_can_do_without_is_allowed_not_demanded(project: Project, target: Path) -> None:
    """An import inside a function makes its module an extern without a lock."""
    project({"lazy.py": "def f():\n    import cloudpickle\n    return cloudpickle.__name__\n"})
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "f.pkl", load("lazy").f)
    with PackageImporter(target) as importer:
        assert importer.manifest is not None
        assert [(e.module, e.distribution) for e in importer.manifest.externs] == [
            ("cloudpickle", "")
        ]
        assert importer.load_pickle("saved", "f.pkl")() == "cloudpickle"


def test_strict_takes_no_default_action(project: Project, target: Path) -> None:
    """With strict=True, a module that no pattern is for is an error, as in torch.package."""
    project(FILES)
    with pytest.raises(PackagingError) as caught:
        with PackageExporter(target, strict=True) as exporter:
            exporter.save_pickle("saved", "model.pkl", load("app.model").Model(1))
    text = str(caught.value)
    assert "app.model matches no pattern" in text
    assert 'intern("app.model"), extern("app.model") or mock("app.model")' in text
    assert not target.exists()


def test_strict_with_patterns(project: Project, target: Path) -> None:
    """With strict=True, patterns say what goes in; the standard library needs none."""
    project({**FILES, "app/io_user.py": "import sys, io\nNAME = io.__name__\n"})
    with PackageExporter(target, strict=True) as exporter:
        exporter.intern("app.**")
        exporter.save_pickle("saved", "model.pkl", load("app.model").Model(1))
        exporter.save_module("app.io_user")
    with PackageImporter(target) as importer:
        assert importer.load_pickle("saved", "model.pkl")(1) == 3
        assert importer.import_module("app.io_user").NAME == "io"


def test_first_pattern_wins(project: Project, target: Path) -> None:
    """Of the patterns that match a module, the one that was given first decides."""
    project(FILES)
    with PackageExporter(target) as exporter:
        exporter.mock("app.helpers")
        exporter.intern("app.**", exclude="app.sub.**")
        exporter.extern("app.sub.**")
        exporter.deny("app.**")
        exporter.save_module("app.model")
        assert exporter.mocked_modules() == ["app.helpers"]
        assert exporter.externed_modules() == ["app.sub.deep", "json"]


def test_denied_module_names_the_chain(project: Project, target: Path) -> None:
    """A denied module that is needed is an error that says which imports lead to it."""
    project(FILES)
    with pytest.raises(PackagingError) as caught:
        with PackageExporter(target) as exporter:
            exporter.deny("app.sub.deep")
            exporter.save_pickle("saved", "model.pkl", load("app.model").Model(1))
            assert exporter.denied_modules() == ["app.sub.deep"]
    assert "app.sub.deep is denied by a pattern" in str(caught.value)
    assert "<saved.model.pkl> -> app.model -> (line 3) app.sub.deep" in str(caught.value)
    node = caught.value.dependency_graph.nodes["app.sub.deep"]
    assert node.error is PackagingErrorReason.DENIED


def test_all_problems_are_reported_together(project: Project, target: Path) -> None:
    """One error names every module that can't be packaged."""
    project({"bad.py": "import denied_one, broken\n", "denied_one.py": "", "broken.py": "def ("})
    with pytest.raises(PackagingError) as caught:
        with PackageExporter(target) as exporter:
            exporter.deny("denied_one")
            exporter.save_module("bad")
    assert "2 dependencies can't be packaged" in str(caught.value)
    assert "denied_one is denied" in str(caught.value)
    assert "broken has source that can't be searched" in str(caught.value)


def test_debug_lists_every_chain(project: Project, target: Path) -> None:
    """With debug=True, errors list all that leads to a module."""
    project({"one.py": "import three", "two.py": "import three", "three.py": ""})
    with pytest.raises(PackagingError, match="also needed by: two -> three"):
        with PackageExporter(target, debug=True) as exporter:
            exporter.deny("three")
            exporter.save_module("one")
            exporter.save_module("two")


@pytest.mark.parametrize("kind", ["intern", "extern", "mock"])
def test_pattern_that_must_match(kind: str, target: Path) -> None:
    """A pattern with allow_empty=False that matched nothing is an error when the package ends."""
    with pytest.raises(EmptyMatchError, match="no_such_module"):
        with PackageExporter(target) as exporter:
            getattr(exporter, kind)("no_such_module.**", allow_empty=False)
            exporter.save_source_string("m", "import math\n")
    assert not target.exists()


def test_pattern_that_matched(project: Project, target: Path) -> None:
    """A pattern with allow_empty=False that matched is fine."""
    project(FILES)
    with PackageExporter(target) as exporter:
        exporter.intern("app.**", allow_empty=False)
        exporter.save_source_string("m", "import app.helpers\n")


def test_mocked_module(project: Project, target: Path) -> None:
    """Everything can be imported from a mocked module, using it is an error that names it."""
    project(
        {
            "uses.py": """
                import absent_one.tools
                from absent_one.tools import Thing

                def build():
                    return Thing()
            """,
            "absent_one/__init__.py": "",
            "absent_one/tools.py": "class Thing: pass\n",
        }
    )
    with PackageExporter(target) as exporter:
        exporter.mock("absent_one.**")
        exporter.save_module("uses")
    with PackageImporter(target) as importer:
        uses = importer.import_module("uses")
        assert repr(uses.Thing) == "MockedObject(absent_one.tools.Thing)"
        with pytest.raises(NotImplementedError, match=r"absent_one\.tools\.Thing was mocked"):
            uses.build()
        assert importer.manifest is not None
        assert "absent_one.tools" in importer.manifest.mocks


def test_mocked_but_in_a_pickle(project: Project, target: Path) -> None:
    """Objects of a mocked module in a pickle are an error that names them."""
    project(FILES)
    with pytest.raises(PackagingError, match=r"app.model is mocked, but a pickle has"):
        with PackageExporter(target) as exporter:
            exporter.mock("app.**")
            exporter.save_pickle("saved", "model.pkl", load("app.model").Model(1))


def test_hooks_see_their_modules(project: Project, target: Path) -> None:
    """Hooks are called for each module of their kind in order of registration, until removed."""
    project(FILES)
    seen: list[tuple[str, str]] = []
    with PackageExporter(target) as exporter:
        exporter.register_intern_hook(lambda _, name: seen.append(("intern", name)))
        exporter.register_extern_hook(lambda _, name: seen.append(("extern", name)))
        exporter.register_mock_hook(lambda _, name: seen.append(("mock", name)))
        exporter.register_mock_hook(lambda _, name: seen.append(("second", name)))
        removed = exporter.register_intern_hook(lambda _, name: seen.append(("removed", name)))
        removed.remove()
        exporter.mock("app.sub.**")
        exporter.save_module("app.model")
    assert ("intern", "app.helpers") in seen
    assert ("extern", "json") in seen
    assert seen.index(("mock", "app.sub.deep")) + 1 == seen.index(("second", "app.sub.deep"))
    assert not [each for each in seen if each[0] == "removed"]


def test_hook_may_add(project: Project, target: Path) -> None:
    """What a hook adds goes in too."""
    project({"first.py": "", "second.py": "X = 2\n"})

    def add(exporter: PackageExporter, name: str) -> None:
        if name == "first":
            exporter.save_module("second")

    with PackageExporter(target) as exporter:
        exporter.register_intern_hook(add)
        exporter.save_module("first")
    with PackageImporter(target) as importer:
        assert importer.import_module("second").X == 2


def test_resources(target: Path) -> None:
    """Texts and bytes are saved beside modules and loaded again."""
    with PackageExporter(target) as exporter:
        exporter.save_text("data.words", "greeting.txt", "grüß Gott\n")
        exporter.save_binary("data.words", "raw.bin", b"\x00\xff")
    with PackageImporter(target) as importer:
        assert importer.load_text("data.words", "greeting.txt") == "grüß Gott\n"
        assert importer.load_binary("data.words", "raw.bin") == b"\x00\xff"
        with pytest.raises(UnicodeDecodeError):
            importer.load_text("data.words", "raw.bin")
        assert importer.load_text("data.words", "raw.bin", "latin-1") == "\x00ÿ"


def test_resource_names_are_plain(target: Path) -> None:
    """A resource with a slash in its name, or saved twice, is refused."""
    with PackageExporter(target) as exporter:
        with pytest.raises(ValueError, match="plain file name"):
            exporter.save_text("data", "a/b.txt", "x")
        exporter.save_text("data", "b.txt", "x")
        with pytest.raises(MemberNameError, match="already"):
            exporter.save_text("data", "b.txt", "y")


def test_source_strings_and_files(tmp_path: Path, target: Path) -> None:
    """Source is saved from strings, files and whole folders, with what it imports."""
    folder = tmp_path / "tree"
    (folder / "inner").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "a.py").write_text("from tree_pkg.inner.b import B\n")
    (folder / "inner" / "__init__.py").write_text("")
    (folder / "inner" / "b.py").write_text("B = 'b'\n")
    single = tmp_path / "single.py"
    single.write_text("import made\nS = made.M\n")
    with PackageExporter(target) as exporter:
        exporter.save_source_string("made", "M = 'm'\n")
        exporter.save_source_string("pkg", "P = 'p'\n", is_package=True)
        exporter.save_source_file("single_module", single)
        exporter.save_source_file("tree_pkg", folder)
    with PackageImporter(target) as importer:
        assert importer.import_module("tree_pkg.a").B == "b"
        assert importer.import_module("single_module").S == "m"
        assert importer.import_module("pkg").P == "p"
        assert hasattr(importer.import_module("pkg"), "__path__")


def test_dependencies_can_be_left_out(project: Project, target: Path) -> None:
    """With dependencies=False, nothing is followed."""
    project(FILES)
    with PackageExporter(target, strict=True) as exporter:
        exporter.save_module("app.model", dependencies=False)
        exporter.save_pickle("saved", "x.pkl", load("app.model").Model(1), dependencies=False)
    assert exporter.interned_modules() == ["app.model"]


def test_add_dependency(project: Project, target: Path) -> None:
    """A dependency that is added by hand is treated as an import is."""
    project(FILES)
    with PackageExporter(target) as exporter:
        exporter.mock("app.sub.**")
        exporter.add_dependency("app.sub.deep")
        exporter.add_dependency("app.helpers")
    assert exporter.mocked_modules() == ["app.sub.deep"]
    assert "app.helpers" in exporter.interned_modules()


def test_graph_questions(project: Project, target: Path) -> None:
    """The dependency graph tells what needs a module, all paths to it, and draws itself."""
    project(FILES)
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "model.pkl", load("app.model").Model(1))
    assert exporter.get_rdeps("app.sub.deep") == ["app.model"]
    paths = exporter.all_paths("<saved.model.pkl>", "app.sub.deep")
    assert '"<saved.model.pkl>" -> "app.model";' in paths
    assert "helpers" not in paths
    assert '"app.model" -> "app.helpers";' in exporter.dependency_graph_string()


def test_exception_leaves_nothing(target: Path) -> None:
    """Left with an exception, Ctrl-C included, the target is as it was."""
    target.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        with PackageExporter(target) as exporter:
            exporter.save_text("a", "b", "c")
            raise KeyboardInterrupt
    assert target.read_bytes() == b"before"
    assert list(target.parent.iterdir()) == [target]


def test_buffer() -> None:
    """A package is written to and read from a binary file in memory."""
    buffer = io.BytesIO()
    with PackageExporter(buffer) as exporter:
        exporter.save_source_string("m", "X = 1\n")
    buffer.seek(0)
    with PackageImporter(buffer) as importer:
        assert importer.import_module("m").X == 1
    with PackageImporter(buffer.getvalue()) as importer:
        assert importer.import_module("m").X == 1


def test_same_input_gives_the_same_bytes(project: Project, tmp_path: Path) -> None:
    """Two packages of the same objects are the same file."""
    project(FILES)
    files = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "same.sesha"
        with PackageExporter(path) as exporter:
            exporter.save_pickle("saved", "model.pkl", [load("app.model").Model(3), {"a": 1.5}])
        files.append(path.read_bytes())
    assert files[0] == files[1]


def test_lambdas_and_closures(target: Path) -> None:
    """Functions that no module holds are saved by value, and stay within the package's rules."""
    offset = 5
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "f.pkl", lambda x: x + offset)
        exporter.save_pickle("saved", "g.pkl", lambda: __import__("pandas"))
    with PackageImporter(target) as importer:
        assert importer.load_pickle("saved", "f.pkl")(1) == 6
        with pytest.raises(ImportError, match="pandas"):
            importer.load_pickle("saved", "g.pkl")()
        assert importer.manifest is not None
        assert sys.version_info[:3] in importer.manifest.python
        assert (sys.version_info[0], sys.version_info[1] + 1) not in importer.manifest.python


def test_function_by_value_brings_what_it_imports(project: Project, target: Path) -> None:
    """Modules that a lambda uses or imports when called go in too."""
    project(FILES)
    helpers = load("app.helpers")

    def outer(x: int) -> int:
        from app.sub.deep import VALUE  # type: ignore[import-not-found]  # noqa: PLC0415

        result: int = helpers.double(x) + VALUE
        return result

    outer.__module__ = "__main__"
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "f.pkl", outer)
    assert {"app.helpers", "app.sub.deep"} <= set(exporter.interned_modules())
    with PackageImporter(target) as importer:
        assert importer.load_pickle("saved", "f.pkl")(2) == 5


def test_unpicklable_object(target: Path) -> None:
    """What can't be pickled is an error that names the resource and the cause."""
    with PackageExporter(target) as exporter:
        with pytest.raises(PickleError, match=r"<saved.x.pkl>.*generator"):
            exporter.save_pickle("saved", "x.pkl", iter_nothing())


def test_pickle_protocols(target: Path) -> None:
    """Protocols 3, 4 and 5 are written and read; others are refused."""
    with PackageExporter(target) as exporter:
        for protocol in (3, 4, 5):
            exporter.save_pickle("saved", f"{protocol}.pkl", {"a": (1, 2)}, True, protocol)
        with pytest.raises(ValueError, match="pickle_protocol"):
            exporter.save_pickle("saved", "2.pkl", 1, pickle_protocol=2)
    with PackageImporter(target) as importer:
        for protocol in (3, 4, 5):
            assert importer.load_pickle("saved", f"{protocol}.pkl") == {"a": (1, 2)}


def test_object_that_packages_itself(project: Project, target: Path) -> None:
    """__reduce_package__ is asked once per object, and its function gets the importer."""
    project(
        {
            "own.py": """
                def build(importer, text):
                    thing = Thing()
                    thing.text = text + importer.load_text("own_data", "extra.txt")
                    return thing

                class Thing:
                    asked = 0

                    def __reduce_package__(self, exporter):
                        type(self).asked += 1
                        assert exporter.get_unique_id() == "0"
                        exporter.save_text("own_data", "extra.txt", " world")
                        return build, ("hello",)
            """
        }
    )
    own = load("own")
    thing = own.Thing()
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "thing.pkl", [thing, thing])
    assert own.Thing.asked == 1
    with PackageImporter(target) as importer:
        first, second = importer.load_pickle("saved", "thing.pkl")
        assert first.text == "hello world"
        assert first is second


def test_unique_ids(target: Path) -> None:
    """Each unique id is given out once."""
    with PackageExporter(target) as exporter:
        assert [exporter.get_unique_id() for _ in range(3)] == ["0", "1", "2"]


def test_reexport_of_an_imported_object(project: Project, target: Path, tmp_path: Path) -> None:
    """An object that came from a package goes into another with the code of that package."""
    folder = project({"thing.py": "VERSION = 1\nclass Thing:\n    version = VERSION\n"})
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "thing.pkl", load("thing").Thing())
    (folder / "thing.py").write_text("VERSION = 2\nclass Thing:\n    version = VERSION\n")
    second = tmp_path / "second.sesha"
    with PackageImporter(target) as importer:
        thing = importer.load_pickle("saved", "thing.pkl")
        with PackageExporter(second, importer=(importer, sys_importer)) as exporter:
            exporter.save_pickle("saved", "again.pkl", thing)
    with PackageImporter(second) as importer:
        again = importer.load_pickle("saved", "again.pkl")
        assert again.version == 1
        assert "VERSION = 1" in str(importer.get_source("thing"))
    assert b"_sesha_package_" not in second.read_bytes()


def test_reexport_with_mocks_and_importer_access(
    project: Project, target: Path, tmp_path: Path
) -> None:
    """Mocks and the packaged importer go along when a package is exported again."""
    project(
        {
            "gone.py": "class G: pass\n",
            "uses.py": """
                from gone import G
                def text():
                    import torch_package_importer
                    return torch_package_importer.load_text("data", "x.txt")
            """,
        }
    )
    with PackageExporter(target) as exporter:
        exporter.mock("gone")
        exporter.save_pickle("saved", "f.pkl", load("uses").text)
        exporter.save_text("data", "x.txt", "one")
    second = tmp_path / "second.sesha"
    with PackageImporter(target) as importer:
        text = importer.load_pickle("saved", "f.pkl")
        assert text() == "one"
        with PackageExporter(second, importer=[importer, sys_importer]) as exporter:
            exporter.save_pickle("saved", "f.pkl", text)
            exporter.save_text("data", "x.txt", "two")
    with PackageImporter(second) as importer:
        assert importer.load_pickle("saved", "f.pkl")() == "two"
        assert repr(importer.import_module("uses").G) == "MockedObject(gone.G)"


def test_reexport_needs_the_importer(project: Project, target: Path, tmp_path: Path) -> None:
    """Without the importer that an object came from, its export is an error."""
    project(FILES)
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "m.pkl", load("app.model").Model(1))
    with PackageImporter(target) as importer:
        model = importer.load_pickle("saved", "m.pkl")
        with PackageExporter(tmp_path / "second.sesha") as exporter:
            with pytest.raises((ObjMismatchError, ObjNotFoundError), match="importer"):
                exporter.save_pickle("saved", "m.pkl", model)


def test_importers_must_be_importers(target: Path) -> None:
    """Something else in the place of an importer is a TypeError."""
    with pytest.raises(TypeError, match="Importer"):
        PackageExporter(target, importer="sys")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="Importer"):
        PackageExporter(target, importer=[object()])  # type: ignore[list-item]
    assert not target.exists()


def test_importer_of_ones_own(target: Path) -> None:
    """A user's importer that only imports gives modules with their source."""

    class Loader:
        def get_source(self, name: str) -> str:
            return f"NAME = {name!r}\n"

    class Own(Importer):
        def import_module(self, module_name: str) -> ModuleType:
            if module_name != "virtual":
                raise ModuleNotFoundError(module_name)
            module = ModuleType("virtual")
            module.__loader__ = Loader()  # type: ignore[assignment]
            return module

    with PackageExporter(target, importer=[Own(), sys_importer]) as exporter:
        exporter.save_module("virtual")
    with PackageImporter(target) as importer:
        assert importer.import_module("virtual").NAME == "virtual"


def test_module_name_must_be_text(target: Path) -> None:
    """A module given in the place of its name is a TypeError with a hint."""
    with PackageExporter(target) as exporter:
        with pytest.raises(TypeError, match="__name__"):
            exporter.save_module(sys)  # type: ignore[arg-type]
        with pytest.raises(ModuleNotFoundError):
            exporter.save_module("no_such_module_at_all")


def test_extension_of_nobodys_is_refused(project: Project, target: Path) -> None:
    """An extension module outside any distribution is an error that says what to add."""
    folder = project({"uses_ext.py": "def f():\n    import own_ext\n"})
    (folder / "own_ext.cpython-311-x86_64-linux-gnu.so").write_bytes(b"\x7fELF")
    (folder / "own_ext.abi3.so").write_bytes(b"\x7fELF")
    with pytest.raises(PackagingError, match=r'is an extension module[\s\S]*extern\("own_ext"\)'):
        with PackageExporter(target) as exporter:
            exporter.save_module("uses_ext")


def test_vendored_distribution_goes_in(project: Project, target: Path) -> None:
    """A vendored distribution's modules are interned, and run from the package."""
    project({"uses.py": "import iniconfig\n\ndef home():\n    return iniconfig.__file__\n"})
    with PackageExporter(target) as exporter:
        exporter.vendor("iniconfig")
        exporter.save_pickle("saved", "f.pkl", load("uses").home)
        with pytest.raises(ValueError, match="not installed"):
            exporter.vendor("no-such-distribution")
    assert "iniconfig" in exporter.interned_modules()
    with PackageImporter(target) as importer:
        assert importer.load_pickle("saved", "f.pkl")().startswith(str(target))


def test_closed_exporter(target: Path) -> None:
    """A package that was written can't be written again."""
    exporter = PackageExporter(target)
    exporter.close()
    with pytest.raises(PackageError, match="closed"):
        exporter.close()


def test_python_version_and_name(tmp_path: Path) -> None:
    """The manifest has the Python that wrote it, and a name after the file if none is given."""
    path = tmp_path / "my model.sesha"
    with PackageExporter(path, version="1.2") as exporter:
        exporter.save_source_string("m", "")
    with PackageImporter(path) as importer:
        assert importer.manifest is not None
        assert (importer.manifest.name, importer.manifest.version) == ("my-model", "1.2")
        assert importer.python_version() == ".".join(map(str, sys.version_info[:3]))


def test_namespace_packages(project: Project, target: Path) -> None:
    """Packages without __init__ work as they do outside."""
    project({"space/inner/mod.py": "X = 4\n", "top.py": "from space.inner import mod\nY = mod.X\n"})
    with PackageExporter(target) as exporter:
        exporter.save_module("top")
    with PackageImporter(target) as importer:
        assert importer.import_module("top").Y == 4


def test_type_checking_imports_are_left_out(project: Project, target: Path) -> None:
    """What is imported for type checkers only isn't needed."""
    project(
        {
            "typed.py": """
                from __future__ import annotations
                from typing import TYPE_CHECKING
                if TYPE_CHECKING:
                    import nowhere_at_all

                def f(x: nowhere_at_all.T) -> int:
                    return 1
            """
        }
    )
    with PackageExporter(target) as exporter:
        exporter.save_module("typed")
    assert "nowhere_at_all" not in exporter.dependency_graph


def test_absent_module_that_is_needed(project: Project, target: Path) -> None:
    """A module that isn't here but is always imported is an error; one that may be absent isn't."""
    project(
        {
            "needs.py": "import absent_for_sure\n",
            "may.py": "try:\n    import absent_for_sure\nexcept ImportError:\n    X = 1\n",
        }
    )
    with pytest.raises(PackagingError, match=r'absent_for_sure is not found[\s\S]*mock\("absent'):
        with PackageExporter(target) as exporter:
            exporter.save_module("needs")
    with PackageExporter(target) as exporter:
        exporter.save_module("may")
    with PackageImporter(target) as importer:
        assert importer.import_module("may").X == 1


def test_numpy_arrays_share_memory(target: Path) -> None:
    """Arrays, their views and an array in two pickles share memory as before."""
    numpy = pytest.importorskip("numpy")
    base = numpy.arange(10)
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "a.pkl", {"base": base, "view": base[::2]})
        exporter.save_pickle("saved", "b.pkl", base)
    with PackageImporter(target) as importer:
        loaded = importer.load_pickle("saved", "a.pkl")
        again = importer.load_pickle("saved", "b.pkl")
        assert loaded["view"].tolist() == [0, 2, 4, 6, 8]
        assert numpy.shares_memory(loaded["base"], loaded["view"])
        loaded["base"][2] = 42
        assert loaded["view"][1] == 42
        assert again[2] == 42


def test_packaged_object_in_two_pickles_is_of_one_class(project: Project, target: Path) -> None:
    """Objects of two pickles of one importer have one class."""
    project(FILES)
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "a.pkl", load("app.model").Model(1))
        exporter.save_pickle("saved", "b.pkl", load("app.model").Model(2))
    with PackageImporter(target) as importer:
        one = importer.load_pickle("saved", "a.pkl")
        assert type(one) is type(importer.load_pickle("saved", "b.pkl"))
