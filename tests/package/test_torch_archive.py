import importlib
import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from sesha.package import HermeticError, PackageImporter, torch_archive  # noqa: E402
from sesha.package.errors import FormatError, MemberMissingError  # noqa: E402
from sesha.package.torch_archive import is_archive  # noqa: E402
from tests.package.conftest import Project  # noqa: E402

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore:TypedStorage:UserWarning"),
]

FILES = {
    "net.py": """
        import torch
        from parts.scaling import scale
        import gone

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.first = torch.nn.Linear(4, 4)
                self.second = torch.nn.Linear(4, 4)
                self.second.weight = self.first.weight

            def forward(self, x):
                return scale(self.second(self.first(x)))

        def note():
            import torch_package_importer
            return torch_package_importer.load_text("models", "note.txt")

        def outside():
            import pandas
    """,
    "parts/__init__.py": "raise AssertionError('left out of the archive')\n",
    "parts/scaling.py": "def scale(x):\n    return x * 2\n",
    "gone.py": "class Thing: pass\n",
}


def old_archive(project: Project, path: Any) -> Any:
    """Has torch.package write an archive with all that it can; gives the module in it."""
    old = importlib.import_module("torch.package")
    package_exporter: Any = importlib.import_module("torch.package.package_exporter")

    folder = project(FILES)
    init = folder / "parts" / "__init__.py"
    text = init.read_text()
    init.write_text("")
    net = importlib.import_module("net").Net()
    init.write_text(text)
    package_exporter._gate_torchscript_serialization = False
    target = str(path) if isinstance(path, Path) else path
    with old.PackageExporter(target) as exporter:
        exporter.mock("gone")
        exporter.extern("pandas")
        exporter.intern("**")
        exporter.save_pickle("models", "net.pkl", net)
        exporter.save_pickle("models", "function.pkl", importlib.import_module("net").note)
        exporter.save_pickle("models", "outside.pkl", importlib.import_module("net").outside)
        exporter.save_text("models", "note.txt", "hello")
        exporter.save_pickle(
            "models", "graph.pkl", torch.fx.symbolic_trace(torch.nn.Linear(4, 4)), True, 4
        )
        exporter.save_pickle("models", "script.pkl", torch.jit.script(torch.nn.Linear(4, 2)))
    return net


def check(importer: PackageImporter, net: Any) -> None:
    x = torch.randn(2, 4)
    loaded = importer.load_pickle("models", "net.pkl")
    assert torch.equal(loaded(x), net(x))
    assert loaded.first.weight is loaded.second.weight
    assert importer.load_text("models", "note.txt") == "hello"
    assert importer.load_pickle("models", "function.pkl")() == "hello"
    assert importer.load_pickle("models", "graph.pkl")(x).shape == (2, 4)
    assert importer.python_version() is not None
    assert importer.manifest is None
    assert importer.file_structure().has_file("models/net.pkl")
    with pytest.raises(MemberMissingError):
        importer.load_binary("models", "absent")


def test_archive_of_torch_package_is_read(project: Project, tmp_path: Path) -> None:
    """What torch.package wrote is opened from its file, and computes the same."""
    net = old_archive(project, tmp_path / "old.pt")
    with PackageImporter(tmp_path / "old.pt") as importer:
        check(importer, net)
        assert importer.load_pickle("models", "script.pkl")(torch.randn(1, 4)).shape == (1, 2)
        assert "torch" in importer.extern_modules


def test_archive_is_read_from_memory(project: Project) -> None:
    """An archive is opened from a binary file."""
    buffer = io.BytesIO()
    net = old_archive(project, buffer)
    buffer.seek(0)
    with PackageImporter(buffer) as importer:
        check(importer, net)


def test_unpacked_archive_is_read(project: Project, tmp_path: Path) -> None:
    """An unpacked archive is opened as a folder."""
    net = old_archive(project, tmp_path / "old.pt")
    with zipfile.ZipFile(tmp_path / "old.pt") as archive:
        archive.extractall(tmp_path / "unpacked")
    with PackageImporter(tmp_path / "unpacked" / "old") as importer:
        check(importer, net)


def test_archive_is_hermetic_too(project: Project, tmp_path: Path) -> None:
    """Code of an old archive reaches nothing but the archive and its externs."""
    old_archive(project, tmp_path / "old.pt")
    with PackageImporter(tmp_path / "old.pt") as importer:
        assert importer.load_pickle("models", "outside.pkl")() is None
        with pytest.raises(HermeticError):
            importer.import_module("pytest")
        with pytest.raises(NotImplementedError, match="mocked"):
            importer.import_module("gone").Thing()
    with pytest.raises(HermeticError, match="pandas"):
        PackageImporter(tmp_path / "old.pt", lambda name: name != "pandas")


def test_map_location_of_old_archives(project: Project, tmp_path: Path) -> None:
    """map_location moves the tensors of old archives."""
    old_archive(project, tmp_path / "old.pt")
    with PackageImporter(tmp_path / "old.pt") as importer:
        loaded = importer.load_pickle("models", "net.pkl", map_location="meta")
        assert loaded.first.weight.device.type == "meta"


def test_only_archives_are_taken_for_archives(tmp_path: Path) -> None:
    """Zips of other kinds, and other files, are not taken for archives of torch.package."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a/b.txt", "")
    for content in ((tmp_path / "x.zip").read_bytes(), b"", b"PK\x03\x04rest"):
        assert not is_archive(io.BytesIO(content))
    damaged = tmp_path / "damaged.pt"
    with zipfile.ZipFile(damaged, "w") as archive:
        archive.writestr("a/.data/extern_modules", "torch\n")
    with pytest.raises(FormatError):
        PackageImporter(damaged)


def test_storage_types_are_understood_without_a_warning() -> None:
    """The types that old pickles name are looked up, not asked: torch warns of that."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch_archive._dtype_of(torch.BFloat16Storage) is torch.bfloat16
        assert torch_archive._dtype_of(torch.UntypedStorage) is torch.uint8
