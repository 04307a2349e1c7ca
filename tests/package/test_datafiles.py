from pathlib import Path

import pytest

from sesha.package import EmptyMatchError
from sesha.package.datafiles import beside, find, kind_of
from sesha.package.importers import Located


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "shop/__init__.py",
        "shop/words.txt",
        "shop/lists/a.txt",
        "shop/lists/deep/b.json",
        "shop/lists/__pycache__/c.txt",
        "shop/.hidden/d.txt",
        "tool.py",
        "tool.json",
        "tables/t.csv",
        "elsewhere/words.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


def shop(tree: Path) -> Located:
    folder = tree / "shop"
    return Located("shop", True, "", str(folder / "__init__.py"), (str(folder),))


def tool(tree: Path) -> Located:
    return Located("tool", False, "", str(tree / "tool.py"))


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("shop/words.txt", ["shop/words.txt"]),
        ("./shop/words.txt", ["shop/words.txt"]),
        ("shop/*.txt", ["shop/words.txt"]),
        ("shop/lists/**", ["shop/lists/a.txt", "shop/lists/deep/b.json"]),
        ("**/*.json", ["shop/lists/deep/b.json"]),
        ("**", ["shop/lists/a.txt", "shop/lists/deep/b.json", "shop/words.txt"]),
        ("*/words.txt", ["elsewhere/words.txt", "shop/words.txt"]),
        ("*.json", ["tool.json"]),
        ("tables/*", ["tables/t.csv"]),
    ],
)
def test_globs_are_over_paths_in_the_package(tree: Path, glob: str, found: list[str]) -> None:
    """A glob matches paths as they are in the package; ``**`` at its start stays in packages."""
    files = find([shop(tree), tool(tree)], [glob])
    assert list(files) == found
    assert all(path.read_text() == member for member, path in files.items())


def test_source_hidden_folders_and_byte_code_are_no_data(tree: Path) -> None:
    """A glob over all below a package takes neither its source nor what is hidden."""
    assert set(find([shop(tree)], ["shop/**"])) == {
        "shop/lists/a.txt",
        "shop/lists/deep/b.json",
        "shop/words.txt",
    }


def test_package_below_another_keeps_its_place(tmp_path: Path) -> None:
    """What lies in the folder of a package is found under its name, wherever the folder is."""
    (tmp_path / "renamed").mkdir()
    (tmp_path / "renamed" / "x.bin").write_bytes(b"x")
    located = Located("top.inner", True, "", None, (str(tmp_path / "renamed"),))
    assert find([located], ["top/inner/*"]) == {"top/inner/x.bin": tmp_path / "renamed/x.bin"}


def test_glob_that_matches_nothing_is_an_error(tree: Path) -> None:
    """A glob without a match is an error that names it and the folders that were searched."""
    with pytest.raises(EmptyMatchError) as caught:
        find([shop(tree)], ["shop/words.txt", "shop/words.csv"])
    assert "'shop/words.csv'" in str(caught.value)
    assert str(tree / "shop") in str(caught.value)


def test_folder_is_told_how_to_write_it(tree: Path) -> None:
    """A folder in the place of a glob is an error with the glob for all that is in it."""
    with pytest.raises(EmptyMatchError, match=r"is a folder; .* write 'shop/lists/\*\*'"):
        find([shop(tree)], ["./shop/lists/"])


def test_beside_tells_what_could_be_packed(tree: Path) -> None:
    """A path in the package is beside a module if there is a file there, and only then."""
    modules = [shop(tree)]
    assert beside(modules, "shop/lists/a.txt") == "shop/lists/a.txt"
    assert beside(modules, "shop/lists") is None
    assert beside(modules, "shop/none.txt") is None
    assert beside([], "shop/words.txt") is None


def test_kind_follows_the_ending() -> None:
    """Files that people read are text, all others binary."""
    assert [kind_of("a/b.json"), kind_of("a/b.npy"), kind_of("a/b")] == ["text", "binary", "binary"]
