from pathlib import Path

import pytest

from sesha.package.archives import open_archive
from sesha.package.resources import Reader, Resource
from tests.package import building


@pytest.fixture
def root(tmp_path: Path) -> Resource:
    return Reader(open_archive(building.build(tmp_path / "shop.sesha")), "").files()


def test_tree_is_that_of_the_members(root: Resource) -> None:
    """Folders hold what lies directly below them, sorted; files are members."""
    assert [each.name for each in root.iterdir()] == ["objects", "shop"]
    objects = root / "objects"
    assert objects.is_dir()
    assert not objects.is_file()
    names = [each.name for each in objects.iterdir()]
    assert names == ["good.pkl", "good.pkl.safetensors", "notes.txt"]
    assert (objects / "notes.txt").is_file()
    assert not (objects / "notes.txt").is_dir()
    assert not (objects / "note").is_dir()
    assert list((objects / "none").iterdir()) == []


def test_files_of_a_package_begin_at_its_folder(tmp_path: Path) -> None:
    """A reader of a package sees its folder, for a nested one the nested folder."""
    archive = open_archive(building.build(tmp_path / "shop.sesha"))
    assert Reader(archive, "shop").files().joinpath("alone.py").read_text() == "LIMIT = 1\n"
    assert Reader(archive, "a.b").files().name == "b"


def test_file_is_read_as_text_or_bytes(root: Resource) -> None:
    """A file is opened and read in both modes, with an encoding if one is given."""
    notes = root.joinpath("objects", "notes.txt")
    assert notes.read_bytes() == b"first\nsecond\n"
    assert notes.read_text() == "first\nsecond\n"
    assert notes.read_text("latin-1") == "first\nsecond\n"
    with pytest.raises(UnicodeDecodeError):
        (root / "objects" / "good.pkl").read_text("ascii")
    with notes.open("rb") as file:
        assert file.readline() == b"first\n"
    with notes.open("r", encoding="ascii") as text:
        assert list(text) == ["first\n", "second\n"]


@pytest.mark.parametrize(
    ("path", "error"), [("objects", IsADirectoryError), ("objects/none", FileNotFoundError)]
)
def test_what_is_no_file_is_the_systems_error(
    root: Resource, path: str, error: type[OSError]
) -> None:
    """A folder or a missing file is the OSError that a file system has for it, with the path."""
    with pytest.raises(error) as caught:
        (root / path).read_bytes()
    assert str(caught.value.filename).endswith(f"shop.sesha/{path}")


@pytest.mark.parametrize("mode", ["w", "a", "r+", "wb", "x"])
def test_nothing_can_be_written(root: Resource, mode: str) -> None:
    """Opening to write is a ValueError that names the modes there are."""
    with pytest.raises(ValueError, match="'r' or 'rb'"):
        (root / "objects" / "notes.txt").open(mode)
