import os
from pathlib import Path

import pytest

from sesha.package.container import Container
from sesha.package.errors import (
    DigestError,
    ManifestError,
    MemberKindError,
    MemberNameError,
    NotAPackageError,
)
from sesha.package.extraction import extract, repack
from sesha.package.manifest import Module, Resource
from tests.package import building


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return building.build(tmp_path / "shop.sesha")


def test_extracted_folder_is_the_package(package: Path, tmp_path: Path) -> None:
    """Every member becomes a file with its bytes, and the folder opens as the package does."""
    extract(package, tmp_path / "out")
    with Container.open(package) as file, Container.open(tmp_path / "out") as folder:
        assert set(file.names) == set(folder.names)
        assert all(file.read(name) == folder.read(name) for name in file.names)
        assert file.manifest == folder.manifest
    assert os.access(tmp_path / "out", os.R_OK | os.X_OK)


def test_unedited_folder_packs_to_the_same_content(package: Path, tmp_path: Path) -> None:
    """What was extracted and packed again has the same manifest, digests included."""
    extract(package, tmp_path / "out")
    repack(tmp_path / "out", tmp_path / "again.sesha")
    with Container.open(package) as one, Container.open(tmp_path / "again.sesha") as other:
        other.verify()
        assert one.manifest == other.manifest


def test_edits_additions_and_removals_are_packed(package: Path, tmp_path: Path) -> None:
    """Edited sources, added modules and resources, and files that are gone are as in the folder."""
    out = tmp_path / "out"
    extract(package, out)
    (out / "shop/prices.py").write_text("edited = True\n")
    (out / "shop/sub").mkdir()
    (out / "shop/sub/__init__.py").write_text("")
    (out / "shop/data.bin").write_bytes(b"\x00")
    (out / "shop/alone.py").unlink()
    (out / "shop/__pycache__").mkdir()
    (out / "shop/__pycache__/prices.pyc").write_bytes(b"x")
    manifest = repack(out, tmp_path / "new.sesha", version="2")
    assert manifest.version == "2"
    assert Module("shop.sub", "shop/sub/__init__.py", is_package=True) in manifest.modules
    assert "shop.alone" not in {module.name for module in manifest.modules}
    assert Resource("shop/data.bin", "binary") in manifest.resources
    with Container.open(tmp_path / "new.sesha") as container:
        container.verify()
        assert container.read("shop/prices.py") == b"edited = True\n"
        assert not any("__pycache__" in name for name in container.names)


def test_nothing_is_overwritten(package: Path, tmp_path: Path) -> None:
    """A folder with something in it is refused and left as it was; an empty one is used."""
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("keep")
    with pytest.raises(FileExistsError, match="full"):
        extract(package, full)
    assert [each.name for each in full.iterdir()] == ["mine"]
    (tmp_path / "empty").mkdir()
    extract(package, tmp_path / "empty")
    assert (tmp_path / "empty/manifest.json").exists()


def test_damaged_package_leaves_nothing(package: Path, tmp_path: Path) -> None:
    """A package with an altered member is not extracted, not even partly."""
    data = package.read_bytes()
    package.write_bytes(data.replace(b"LIMIT = 1", b"LIMIT = 9"))
    with pytest.raises(DigestError):
        extract(package, tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir()] == [package.name]


def test_links_bad_names_and_missing_manifests_are_refused(package: Path, tmp_path: Path) -> None:
    """What no package may hold is an error that names it, and no file is written."""
    out = tmp_path / "out"
    extract(package, out)
    (out / "link").symlink_to("/etc/passwd")
    with pytest.raises(MemberKindError, match="link"):
        repack(out, tmp_path / "new.sesha")
    (out / "link").unlink()
    (out / "a\\b").write_text("")
    with pytest.raises(MemberNameError):
        repack(out, tmp_path / "new.sesha")
    (out / "a\\b").unlink()
    (out / "objects/good.pkl").unlink()
    with pytest.raises(ManifestError, match="entry point"):
        repack(out, tmp_path / "new.sesha")
    (out / "manifest.json").unlink()
    with pytest.raises(NotAPackageError):
        repack(out, tmp_path / "new.sesha")
    assert not (tmp_path / "new.sesha").exists()
