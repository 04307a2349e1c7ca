import io
from pathlib import Path

import pytest

from sesha.package.contents import Contents, member_of
from sesha.package.errors import MemberNameError
from sesha.package.importers import Located
from sesha.package.mangling import mangle, new_prefix
from sesha.package.manifest import EntryPoint, Manifest, Resource
from sesha.package.writer import ContainerWriter


def test_member_of_a_resource_lies_in_its_package() -> None:
    """A resource's member is its name in the folder of its package, prefixes left out."""
    assert member_of("a.b", "c.txt") == "a/b/c.txt"
    assert member_of("", "c.txt") == "c.txt"
    assert member_of(mangle(new_prefix(), "a"), "c.txt") == "a/c.txt"
    for name in ("", "b/c.txt"):
        with pytest.raises(ValueError, match="plain file name"):
            member_of("a", name)


def test_what_is_added_is_told_for_the_manifest(tmp_path: Path) -> None:
    """Resources and entry points come back sorted, with their kinds, and are in the file."""
    with ContainerWriter(tmp_path / "a.sesha") as writer:
        contents = Contents(writer)
        contents.add("m/z.bin", b"z", "binary")
        contents.add("m/a.txt", io.BytesIO(b"a"), "text")
        contents.add_entry_point("second", "m", "z.bin")
        contents.add_entry_point("first", "m", "a.txt")
        assert contents.resources == (Resource("m/a.txt", "text"), Resource("m/z.bin", "binary"))
        assert contents.entry_points == (
            EntryPoint("first", "m", "a.txt"),
            EntryPoint("second", "m", "z.bin"),
        )
        manifest = writer.finish(Manifest("a", "1", resources=contents.resources))
    assert [(each.name, each.size) for each in manifest.members] == [("m/a.txt", 1), ("m/z.bin", 1)]


def test_name_that_is_taken_is_refused_and_not_noted(tmp_path: Path) -> None:
    """A second resource of a name is an error, and the first keeps its kind."""
    with ContainerWriter(tmp_path / "a.sesha") as writer:
        contents = Contents(writer)
        contents.add("m/a.txt", b"a", "text")
        with pytest.raises(MemberNameError):
            contents.add("m/a.txt", b"b", "binary")
        assert contents.resources == (Resource("m/a.txt", "text"),)


def test_data_files_are_added_in_order(tmp_path: Path) -> None:
    """Files that globs match go in sorted by name, so that the same input gives the same bytes."""
    folder = tmp_path / "shop"
    folder.mkdir()
    for name in ("b.json", "a.bin"):
        (folder / name).write_text(name)
    modules = [Located("shop", True, "", str(folder / "__init__.py"), (str(folder),))]
    with ContainerWriter(tmp_path / "a.sesha") as writer:
        contents = Contents(writer)
        contents.add_data(modules)
        assert not list(writer.members)
        contents.data = ["shop/*.json", "shop/*"]
        contents.add_data(modules)
        assert [each.name for each in writer.members] == ["shop/a.bin", "shop/b.json"]
        assert contents.resources == (
            Resource("shop/a.bin", "binary"),
            Resource("shop/b.json", "text"),
        )
        assert writer.read_back("shop/b.json", 0, 6) == b"b.json"


@pytest.mark.torch
def test_script_module_is_one_member(tmp_path: Path) -> None:
    """A ScriptModule that is there twice is saved once, another one beside it."""
    torch = pytest.importorskip("torch")
    one, other = (torch.jit.script(torch.nn.Linear(2, 2)) for _ in range(2))
    with ContainerWriter(tmp_path / "a.sesha") as writer:
        contents = Contents(writer)
        names = [contents.add_script_module(each) for each in (one, other, one)]
        assert names[0] == names[2] != names[1]
        assert [each.name for each in writer.members] == names[:2]
