from pathlib import Path
from typing import Any

import pytest

from sesha.package import PackageExporter, PackageImporter
from sesha.package.extraction import extract
from sesha.package.files import path_below

SOURCE = """
import os
from pathlib import Path

HERE = os.path.dirname(__file__)


def read(path, *args, **kwargs):
    with open(path, *args, **kwargs) as file:
        return file.read()


def beside(name, *args, **kwargs):
    return read(os.path.join(HERE, name), *args, **kwargs)
"""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "model.sesha"
    with PackageExporter(path) as exporter:
        exporter.save_source_string("shop", SOURCE, is_package=True)
        exporter.save_source_string("shop.inner", "from shop import read\nHERE = __file__\n")
        exporter.save_text("shop", "words.txt", "één\r\ntwee\n")
        exporter.save_binary("shop.lists", "raw.bin", b"\x00\xff")
    return path


def test_open_reads_beside_a_module(target: Path) -> None:
    """Packaged code opens files of the package by paths relative to its ``__file__``."""
    with PackageImporter(target) as importer:
        shop: Any = importer.import_module("shop")
        assert shop.beside("words.txt", encoding="utf-8") == "één\ntwee\n"
        assert shop.beside("words.txt", "r", -1, "latin-1", "strict", "") == "Ã©Ã©n\r\ntwee\n"
        assert shop.beside("lists/raw.bin", "rb") == b"\x00\xff"
        around = Path(shop.HERE) / "lists" / ".." / "words.txt"
        assert shop.read(around, "rb")[-1:] == b"\n"
        assert shop.read(Path(shop.HERE).resolve() / "lists" / "raw.bin", "rb")
        assert shop.read(shop.__file__) == SOURCE


def test_open_of_other_paths_is_the_systems(target: Path, tmp_path: Path) -> None:
    """A path outside the package, or one that leads out of it, is a file of the system."""
    other = tmp_path / "other.txt"
    with PackageImporter(target) as importer:
        shop: Any = importer.import_module("shop")
        with shop.__builtins__["open"](other, "w") as file:
            file.write("there")
        assert shop.read(str(other)) == "there"
        assert shop.read(bytes(other)) == "there"
        with pytest.raises(NotADirectoryError):
            shop.beside("../../other.txt")


def test_packaged_files_are_read_only(target: Path) -> None:
    """A file of the package is opened for reading only."""
    with PackageImporter(target) as importer:
        shop: Any = importer.import_module("shop")
        with pytest.raises(ValueError, match="'rb'"):
            shop.beside("words.txt", "w")


def test_missing_file_names_its_path(target: Path) -> None:
    """What is not in the package is FileNotFoundError, with the path that was asked for."""
    with PackageImporter(target) as importer:
        shop: Any = importer.import_module("shop")
        with pytest.raises(FileNotFoundError) as caught:
            shop.beside("none.txt")
        assert caught.value.filename == f"{target}/shop/none.txt"
        with pytest.raises(FileNotFoundError) as caught:
            shop.__loader__.get_data("/none")
        assert caught.value.filename == "/none"


def test_unpacked_packages_have_real_files(target: Path, tmp_path: Path) -> None:
    """In an unpacked package every way to open a file works."""
    extract(target, tmp_path / "folder")
    with PackageImporter(tmp_path / "folder") as importer:
        shop: Any = importer.import_module("shop")
        assert Path(shop.HERE, "words.txt").read_bytes()[-1:] == b"\n"
        assert shop.beside("lists/raw.bin", "rb") == b"\x00\xff"
        assert shop.__loader__.get_data(f"{shop.HERE}/lists/raw.bin") == b"\x00\xff"


def test_paths_below_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is below a package however it spells the package's place."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path)
    location = f"{tmp_path}/link/model.sesha"
    assert path_below(location, f"{location}/a/../b") == "b"
    assert path_below(location, f"{tmp_path}/model.sesha/a") == "a"
    assert path_below("model.sesha", f"{tmp_path}/model.sesha/a") == "a"
    assert path_below(location, f"{location}/../a") is None
    assert path_below(location, f"{location}2/a") is None
