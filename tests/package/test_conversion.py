import importlib
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from sesha.package import PackageImporter, convert, pack  # noqa: E402
from sesha.package.errors import PackageError  # noqa: E402
from tests.package.conftest import Project  # noqa: E402
from tests.package.test_torch_archive import old_archive  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:TypedStorage:UserWarning"),
]


def test_everything_is_taken_over(project: Project, tmp_path: Path) -> None:
    """A converted archive has the old one's modules, objects, texts and externs, and computes."""
    net = old_archive(project, tmp_path / "old.pt")
    manifest = convert(tmp_path / "old.pt", tmp_path / "new.sesha", version="3")
    assert manifest.version == "3"
    assert {"net", "parts.scaling"} <= {module.name for module in manifest.modules}
    externs = {extern.module: extern.version for extern in manifest.externs}
    assert externs["torch"] == torch.__version__
    x = torch.randn(2, 4)
    with PackageImporter(tmp_path / "new.sesha") as importer:
        loaded = importer.load_pickle("models", "net.pkl")
        assert torch.equal(loaded(x), net(x))
        assert loaded.first.weight is loaded.second.weight
        assert importer.load_text("models", "note.txt") == "hello"
        assert importer.load_pickle("models", "graph.pkl")(x).shape == (2, 4)
        assert importer.load_pickle("models", "script.pkl")(x).shape == (2, 2)
        assert repr(importer.import_module("gone").Thing) == "MockedObject(gone.Thing)"


def test_only_pickle_is_the_entry_point(project: Project, tmp_path: Path) -> None:
    """The only pickle of an archive becomes its default entry point."""
    project({"single.py": "class S:\n    v = 4\n"})
    old = importlib.import_module("torch.package")

    with old.PackageExporter(str(tmp_path / "old.pt")) as exporter:
        exporter.intern("single")
        exporter.save_pickle("objects", "s.pkl", importlib.import_module("single").S())
    convert(tmp_path / "old.pt", tmp_path / "new.sesha")
    with PackageImporter(tmp_path / "new.sesha") as importer:
        assert importer.load().v == 4


def test_package_of_sesha_is_refused(tmp_path: Path) -> None:
    """What is a package already is not converted."""
    pack({"a": 1}, tmp_path / "a.sesha")
    with pytest.raises(PackageError, match="already"):
        convert(tmp_path / "a.sesha", tmp_path / "b.sesha")
    assert not (tmp_path / "b.sesha").exists()
