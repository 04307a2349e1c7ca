import io
import os
import zipfile
from pathlib import Path

import pytest

from sesha.package.archives import SeshaArchive, Source, open_archive, with_parents
from sesha.package.errors import FormatError, MemberMissingError, NotAPackageError
from sesha.package.extraction import extract
from sesha.package.namespace import ModuleEntry
from tests.package import building


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return building.build(tmp_path / "shop.sesha")


def test_package_is_seen_as_an_archive(package: Path) -> None:
    """An opened package tells its members, modules, externs, location and manifest."""
    archive = open_archive(package)
    assert archive.location == str(package)
    assert archive.manifest is not None
    assert archive.manifest.name == "shop"
    assert archive.modules["shop.goods"] == ModuleEntry("shop/goods.py", is_package=False)
    assert archive.modules["shop"] == ModuleEntry("shop/__init__.py", is_package=True)
    assert archive.externs.modules == ("numpy",)
    assert [(each.name, each.version) for each in archive.externs.distributions] == [
        ("numpy", "2.0")
    ]
    assert "objects/notes.txt" in archive
    assert "objects/none" not in archive
    assert archive.read("objects/notes.txt") == b"first\nsecond\n"
    archive.close()
    with pytest.raises(ValueError, match="closed"):
        archive.read("objects/notes.txt")


def test_every_kind_of_source_is_opened(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths, unpacked folders, buffers and files give the same members; each tells its place."""
    extract(package, tmp_path / "folder")
    monkeypatch.chdir(tmp_path)
    data = package.read_bytes()
    with package.open("rb") as file:
        sources: dict[str, Source] = {
            str(package): package,
            str(tmp_path / "shop.sesha"): "shop.sesha",
            str(tmp_path / "folder"): tmp_path / "folder",
            "<bytes>": data,
            "<file>": io.BytesIO(data),
            os.fspath(package): file,
        }
        for location, source in sources.items():
            archive = open_archive(source)
            assert isinstance(archive, SeshaArchive)
            assert archive.location == location
            assert archive.read("shop/alone.py") == b"LIMIT = 1\n"
            archive.close()


def test_other_files_are_refused(tmp_path: Path) -> None:
    """What is neither a package nor an archive of torch.package is no package."""
    noise = tmp_path / "noise"
    noise.write_bytes(b"x" * 100)
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "a")
    (tmp_path / "empty").mkdir()
    for source in (noise, tmp_path / "empty"):
        with pytest.raises(NotAPackageError):
            open_archive(source)
    with pytest.raises(FormatError):
        open_archive(other)
    with pytest.raises(FileNotFoundError):
        open_archive(tmp_path / "none")


def test_missing_member_is_named(package: Path) -> None:
    """A member that isn't there is an error that names it."""
    with pytest.raises(MemberMissingError, match=r"objects/none"):
        open_archive(package).read("objects/none")


def test_parents_without_source_are_empty_packages() -> None:
    """Every parent of a module is there; one without source is a package without a member."""
    leaf = ModuleEntry("a/b/c.py", is_package=False)
    table = with_parents({"a.b.c": leaf})
    empty = ModuleEntry(None, is_package=True)
    assert table == {"a.b.c": leaf, "a.b": empty, "a": empty}


def test_module_below_a_module_is_refused() -> None:
    """A module that is no package can't have modules below it."""
    modules = {"a": ModuleEntry("a.py", is_package=False), "a.b": ModuleEntry("a/b.py", False)}
    with pytest.raises(FormatError, match=r"a is no package, but a\.b lies below it"):
        with_parents(modules)
