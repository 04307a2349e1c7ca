import io
import os
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesha.package import directory
from sesha.package.errors import FormatError


def members(path: Path) -> list[directory.Member]:
    with path.open("rb") as file:
        return directory.read(file.fileno(), path.stat().st_size)


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


FILES = {"a.txt": b"hello", "b/ü.bin": bytes(3000), "empty": b""}


def test_members_lie_where_zipfile_reads_them(tmp_path: Path) -> None:
    """Each member's offset and size give the bytes that `zipfile` reads under its name."""
    path = zipped(tmp_path / "x.zip", FILES)
    data = path.read_bytes()
    found = {m.name: data[m.offset : m.offset + m.size] for m in members(path)}
    assert found == FILES


def test_64_bit_records_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes, offsets and the end record are taken from zip64 records where there are such."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 2)
    path = zipped(tmp_path / "x.zip", FILES)
    assert b"PK\x06\x06" in path.read_bytes()
    data = path.read_bytes()
    found = {m.name: data[m.offset : m.offset + m.size] for m in members(path)}
    assert found == FILES


def test_more_than_65535_members_are_read(tmp_path: Path) -> None:
    """The count beyond 16 bits is taken from the zip64 end record."""
    names = {f"{number}": b"" for number in range(65_540)}
    path = zipped(tmp_path / "x.zip", names)
    assert [m.name for m in members(path)] == list(names)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_a_damaged_zip_is_refused_or_read_as_zipfile_does(data: st.DataObject) -> None:
    """With any bytes changed, the reading is a FormatError or the one that `zipfile` has."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    changed = bytearray(buffer.getvalue())
    tail = max(len(changed) - 220, 0)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1) | st.integers(tail, len(changed) - 1))
        changed[place] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryFile() as file:
        file.write(changed)
        file.flush()
        try:
            found = directory.read(file.fileno(), len(changed))
        except FormatError:
            return
    with zipfile.ZipFile(io.BytesIO(changed)) as archive:
        assert sorted(m.name for m in found) == sorted(archive.namelist())
        for member in found:
            stored = changed[member.offset : member.offset + member.size]
            try:
                assert archive.read(member.name) == stored
            except zipfile.BadZipFile as error:
                # The data itself was changed: seen by the CRC there, by the manifest's digest here.
                assert "CRC" in str(error)  # noqa: PT017


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """No input raises anything but a FormatError."""
    descriptor = os.memfd_create("test")
    try:
        os.write(descriptor, content)
        directory.read(descriptor, len(content))
    except FormatError:
        pass
    finally:
        os.close(descriptor)
