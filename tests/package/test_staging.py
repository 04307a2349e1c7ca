import errno
import os
from pathlib import Path

import pytest

from sesha.package.staging import StagedFile


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def interrupt(staged: StagedFile) -> None:
    staged.file.write(b"new")
    raise KeyboardInterrupt


def test_the_target_appears_whole(tmp_path: Path) -> None:
    """Before `commit` the folder is as it was; after it the target holds what was written."""
    target = tmp_path / "x"
    with StagedFile(target) as staged:
        staged.file.write(b"new")
        assert not target.exists()
        staged.commit()
    assert target.read_bytes() == b"new"
    assert names_in(tmp_path) == ["x"]


def test_an_old_target_stays_for_who_has_it_open(tmp_path: Path) -> None:
    """The old file is replaced, not written over: a reader keeps the old bytes."""
    target = tmp_path / "x"
    target.write_bytes(b"old")
    with target.open("rb") as reader, StagedFile(target) as staged:
        staged.file.write(b"new")
        staged.commit()
        assert reader.read() == b"old"
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("named", [False, True])
def test_what_is_not_committed_leaves_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: bool,  # noqa: FBT001
) -> None:
    """An exception leaves the folder as it was, with and without O_TMPFILE."""
    if named:
        monkeypatch.delattr(os, "O_TMPFILE")
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), StagedFile(tmp_path / "x") as staged:
        interrupt(staged)
    assert names_in(tmp_path) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"old"


def test_without_unnamed_files_it_works_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system without O_TMPFILE a file with a random name takes its place."""
    opened = os.open

    def refuse(path: str, flags: int, *args: int, **options: int) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "not here")
        return opened(path, flags, *args, **options)

    monkeypatch.setattr(os, "open", refuse)
    with StagedFile(tmp_path / "x") as staged:
        staged.file.write(b"new")
        staged.commit()
    assert (tmp_path / "x").read_bytes() == b"new"
    assert names_in(tmp_path) == ["x"]


def test_a_failed_rename_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the last step fails, the file that had a name by then is taken away again."""

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "disk")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(OSError, match="disk"), StagedFile(tmp_path / "x") as staged:
        staged.commit()
    assert names_in(tmp_path) == []


def test_the_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    """A package is as readable as any file that the user writes."""
    old = os.umask(0o027)
    try:
        with StagedFile(tmp_path / "x") as staged:
            staged.commit()
    finally:
        os.umask(old)
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o640


def test_a_folder_is_no_target(tmp_path: Path) -> None:
    """A target that is a folder, or in none, is an OSError before anything is written."""
    with pytest.raises(IsADirectoryError):
        StagedFile(tmp_path)
    with pytest.raises(FileNotFoundError):
        StagedFile(tmp_path / "none" / "x")
