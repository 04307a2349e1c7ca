import io
import os
import shutil
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from sesha.package.container import Container
from sesha.package.errors import (
    DigestError,
    FormatError,
    MemberKindError,
    MemberMissingError,
    MemberNameError,
    MemberRangeError,
    NotAPackageError,
    TruncatedError,
)
from tests.package import samples


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return samples.write(tmp_path / "x.sesha")


def unpacked(package: Path) -> Path:
    folder = package.parent / "unpacked"
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    return folder


SOURCES: dict[str, Callable[[Path], object]] = {
    "path": lambda path: path,
    "text": str,
    "bytes": Path.read_bytes,
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "file": lambda path: path.open("rb"),
    "memory file": lambda path: io.BytesIO(path.read_bytes()),
    "folder": unpacked,
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_package_is_the_same_from_every_source(package: Path, source: str) -> None:
    """Path, bytes, file and unpacked folder give the same names, manifest and bytes."""
    opened = SOURCES[source](package)
    try:
        with Container.open(opened) as container:  # type: ignore[arg-type]
            container.verify()
            assert sorted(container.names) == sorted(samples.MEMBERS)
            assert container.manifest.name == "sample"
            for name, data in samples.MEMBERS.items():
                assert container.read(name) == data
                assert container.map(name) == data
                assert container.map(name, 1, len(data) - 1) == data[1:]
    finally:
        if isinstance(opened, io.IOBase):
            opened.close()


def test_writing_to_a_mapping_changes_neither_file_nor_other_mappings(package: Path) -> None:
    """Mapped memory is writable and private, and outlives the container and the file."""
    before = package.read_bytes()
    with Container.open(package) as container:
        mine, other = container.map("model/weights.bin"), container.map("model/weights.bin")
    package.unlink()
    mine[:] = bytes(len(mine))
    assert other == samples.MEMBERS["model/weights.bin"]
    assert mine == bytes(len(mine))
    assert samples.write(package).read_bytes() == before


def test_an_empty_member_can_be_mapped(tmp_path: Path) -> None:
    """No bytes are an empty view, which no system could map."""
    with Container.open(
        samples.write(tmp_path / "x", {**samples.MEMBERS, "none": b""})
    ) as container:
        assert container.map("none").nbytes == 0
        assert container.read("none") == b""


def test_a_mapping_has_the_members_bytes_only(package: Path) -> None:
    """A range beyond a member is a ValueError, and the view ends where the member does."""
    with Container.open(package) as container:
        size = container.sizes["model/notes.txt"]
        assert container.map("model/notes.txt").nbytes == size
        for start, length in ((0, size + 1), (size + 1, 0), (-1, 1), (1, size)):
            with pytest.raises(ValueError, match="bytes, not"):
                container.map("model/notes.txt", start, length)


def test_altered_bytes_are_found_when_read_and_by_verify(package: Path) -> None:
    """`read` of an altered member, and `verify`, name it; others are read as ever."""
    data = bytearray(package.read_bytes())
    place = data.index(samples.SOURCE)
    data[place : place + 3] = b"DEF"
    with Container.open(bytes(data)) as container:
        with pytest.raises(DigestError, match=r"sample/__init__\.py"):
            container.read("sample/__init__.py")
        with pytest.raises(DigestError, match=r"sample/__init__\.py"):
            container.verify()
        container.verify(["model/notes.txt"])
        assert container.read("model/notes.txt") == samples.MEMBERS["model/notes.txt"]


def test_verify_reports_progress(package: Path) -> None:
    """The bytes that `progress` is told of are those of all members."""
    counted: list[int] = []
    with Container.open(package) as container:
        container.verify(progress=counted.append)
    assert sum(counted) == sum(map(len, samples.MEMBERS.values()))


def test_a_missing_member_is_named(package: Path) -> None:
    """Reading, mapping and verifying what is not there names it."""
    with Container.open(package) as container:
        for use in (container.read, container.map, container.digest):
            with pytest.raises(MemberMissingError, match="'none'"):
                use("none")
        with pytest.raises(MemberMissingError, match="'none'"):
            container.verify(["none"])
        assert "none" not in container
        assert "model/model.pkl" in container


def test_a_closed_container_says_so(package: Path) -> None:
    """After `close`, reading is a ValueError and no descriptor is left open."""
    before = len([*Path("/proc/self/fd").iterdir()])
    container = Container.open(package)
    container.close()
    with pytest.raises(ValueError, match="was closed"):
        container.read("model/notes.txt")
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_threads_may_share_a_container(package: Path) -> None:
    """Reads from many threads, with one closing meanwhile, give the bytes or the error."""
    for _ in range(20):
        container = Container.open(package)
        wrong: list[object] = []

        def read(container: Container = container, wrong: list[object] = wrong) -> None:
            try:
                for _ in range(50):
                    for name, data in samples.MEMBERS.items():
                        if container.read(name) != data or container.map(name) != data:
                            wrong.append(name)
            except ValueError as error:
                if "was closed" not in str(error):
                    wrong.append(error)

        threads = [threading.Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        container.close()
        for thread in threads:
            thread.join()
        assert not wrong


def test_a_package_may_not_be_cut_at_any_byte(package: Path) -> None:
    """Every shorter prefix of a package is refused with a named error."""
    data = package.read_bytes()
    for size in [
        *range(200),
        *range(200, len(data) - 700, 997),
        *range(len(data) - 700, len(data)),
    ]:
        with pytest.raises(FormatError):
            Container.open(data[:size])


def test_a_link_in_a_folder_is_refused(package: Path) -> None:
    """Links to files and to folders, and special files, are no members."""
    makers: dict[str, Callable[[Path], None]] = {
        "link": lambda path: path.symlink_to("/etc/passwd"),
        "folder": lambda path: path.symlink_to("/etc"),
        "pipe": os.mkfifo,
    }
    for name, make in makers.items():
        folder = unpacked(package)
        make(folder / name)
        with pytest.raises(MemberKindError, match=name):
            Container.open(folder)
        shutil.rmtree(folder)


def test_a_folder_must_have_just_the_members_of_its_manifest(package: Path) -> None:
    """A file too many, one too few and one of another size are three named errors."""
    folder = unpacked(package)
    (folder / "extra.py").write_text("")
    with pytest.raises(FormatError, match=r"does not list the member 'extra.py'"):
        Container.open(folder)
    (folder / "extra.py").unlink()
    (folder / "model" / "notes.txt").write_text("longer than before")
    with pytest.raises(MemberRangeError, match="18 bytes; the manifest declares 7"):
        Container.open(folder)
    (folder / "model" / "notes.txt").unlink()
    with pytest.raises(MemberMissingError, match="notes"):
        Container.open(folder)


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems may ignore case")
def test_a_folder_with_names_that_differ_in_case_is_refused(package: Path) -> None:
    """What can't be unpacked everywhere can't be opened anywhere."""
    folder = unpacked(package)
    (folder / "MODEL").mkdir()
    (folder / "MODEL" / "notes.txt").write_text("")
    with pytest.raises(MemberNameError, match="only in case"):
        Container.open(folder)


def test_a_folder_that_changes_after_opening_is_noticed(package: Path) -> None:
    """A file that is taken away, replaced by a link or grown after opening is a named error."""
    folder = unpacked(package)
    target = folder / "model" / "notes.txt"
    with Container.open(folder) as container:
        target.write_text("something longer than it was")
        with pytest.raises(TruncatedError):
            container.read("model/notes.txt")
        target.unlink()
        with pytest.raises(MemberMissingError):
            container.map("model/notes.txt")
        target.symlink_to("/etc/passwd")
        with pytest.raises(MemberMissingError):
            container.read("model/notes.txt")


def test_other_files_are_told_apart(tmp_path: Path) -> None:
    """A text, a plain zip, an empty file, a device and nothing are each told what they are not."""
    (tmp_path / "text").write_text("hello " * 100)
    with pytest.raises(NotAPackageError, match="does not end with the directory of a zip"):
        Container.open(tmp_path / "text")
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("a", "x")
    with pytest.raises(NotAPackageError, match=r"has no manifest\.json"):
        Container.open(tmp_path / "zip")
    (tmp_path / "empty").write_bytes(b"")
    with pytest.raises(TruncatedError, match="0 bytes"):
        Container.open(tmp_path / "empty")
    os.mkfifo(tmp_path / "pipe")
    for special in ("/dev/zero", tmp_path / "pipe"):
        with pytest.raises(NotAPackageError, match="not a regular file"):
            Container.open(special)
    with pytest.raises(FileNotFoundError):
        Container.open(tmp_path / "none")


def test_archive_of_torch_package_is_told_from_damage(tmp_path: Path) -> None:
    """Who opens an archive of torch.package as a package is told how to make one of it."""
    path = tmp_path / "old.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("old/.data/extern_modules", "torch\n")
    with pytest.raises(NotAPackageError, match=r"sesha convert .*old\.pt NEW\.sesha"):
        Container.open(path)
    with path.open("rb") as file, pytest.raises(NotAPackageError, match="sesha convert"):
        Container.open(file)
