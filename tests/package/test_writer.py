import hashlib
import io
import os
import resource
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from sesha.package.container import Container
from sesha.package.errors import MemberNameError, PackageError
from sesha.package.manifest import Manifest
from sesha.package.writer import ContainerWriter
from tests.package import samples


def test_any_unzip_reads_it(tmp_path: Path) -> None:
    """`zipfile` and the command unzip read every member, uncompressed."""
    path = samples.write(tmp_path / "x.sesha")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        for name, data in samples.MEMBERS.items():
            assert archive.read(name) == data
        assert archive.namelist()[-1] == "manifest.json"


def test_the_same_members_give_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the clock, the umask nor the folder shows in the bytes."""
    first = samples.write(tmp_path / "x.sesha").read_bytes()
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.chdir(tmp_path)
    old = os.umask(0o077)
    try:
        second = samples.write(Path("y.sesha")).read_bytes()
    finally:
        os.umask(old)
    assert first == second


@pytest.mark.parametrize("align", [1, 2, 8, 64, 4096])
@pytest.mark.parametrize("before", [0, 1, 4090 - 31, 4096 - 31, 5000])
def test_data_starts_where_it_is_aligned(tmp_path: Path, align: int, before: int) -> None:
    """Whatever comes before, a member's data starts at a multiple of its alignment."""
    with ContainerWriter(tmp_path / "x") as writer:
        writer.add("a", bytes(before))
        writer.add("b", b"here it is", align=align)
        writer.finish(Manifest("m", "1"))
    data = (tmp_path / "x").read_bytes()
    assert data.index(b"here it is") % align == 0
    with Container.open(tmp_path / "x") as container:
        assert container.read("b") == b"here it is"


def test_data_may_be_a_buffer_several_or_a_file(tmp_path: Path) -> None:
    """Buffers, parts, files and files that can't seek give the same member."""

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    data = os.urandom(300_000)
    parts: list[bytes | bytearray | memoryview] = [
        data[:100],
        memoryview(data)[100:200_000],
        b"",
        bytearray(data[200_000:]),
    ]
    digest = hashlib.sha256(data).hexdigest()
    with ContainerWriter(tmp_path / "x") as writer:
        added = [
            writer.add("bytes", data),
            writer.add("parts", parts, align=4096),
            writer.add("generated", (part for part in parts), align=64),
            writer.add("file", io.BytesIO(data)),
            writer.add("pipe", Pipe(data), align=4096),
        ]
        writer.finish(Manifest("m", "1"))
    assert {(member.size, member.sha256) for member in added} == {(len(data), digest)}
    with Container.open(tmp_path / "x") as container:
        container.verify()


def test_what_was_written_can_be_read_back(tmp_path: Path) -> None:
    """`read_back` gives bytes of a member before the package is finished."""
    with ContainerWriter(tmp_path / "x") as writer:
        writer.add("a", b"0123456789", align=512)
        writer.add("b", b"x")
        assert writer.read_back("a", 3, 4) == b"3456"


def test_a_member_has_one_name(tmp_path: Path) -> None:
    """A name that is taken, reserved or unfit is refused, and the writing goes on."""
    with ContainerWriter(tmp_path / "x") as writer:
        writer.add("a", b"1")
        for name in ("a", "manifest.json", "model.sig", "../a", "/a"):
            with pytest.raises(MemberNameError):
                writer.add(name, b"2")
        with pytest.raises(ValueError, match="power of 2"):
            writer.add("b", b"2", align=3)
        writer.add("A/b", b"3")
        with pytest.raises(MemberNameError):
            writer.finish(Manifest("m", "1"))
    assert not (tmp_path / "x").exists()


def test_an_error_while_reading_data_leaves_nothing(tmp_path: Path) -> None:
    """When the data's source fails, no more can be written and the target does not appear."""

    class Broken(io.BytesIO):
        def read(self, _: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    with ContainerWriter(tmp_path / "x") as writer:
        with pytest.raises(KeyboardInterrupt):
            writer.add("a", Broken(b"xxx"))
        with pytest.raises(PackageError, match="can't be written further"):
            writer.add("b", b"")
        with pytest.raises(PackageError, match="can't be written further"):
            writer.finish(Manifest("m", "1"))
    assert not [*tmp_path.iterdir()]


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """A write that the system refuses is its OSError; the old file stays as it was."""
    path = samples.write(tmp_path / "x")
    old = path.read_bytes()
    program = (
        "import sys; from sesha.package.writer import ContainerWriter\n"
        "from sesha.package.manifest import Manifest\n"
        "try:\n"
        "    with ContainerWriter(sys.argv[1]) as writer:\n"
        "        writer.add('a', bytes(1 << 20)); writer.finish(Manifest('m', '1'))\n"
        "except OSError as error: print(type(error).__name__, error.errno)\n"
    )

    def limit() -> None:
        # A file may grow to 200 kB; beyond, write(2) fails with EFBIG as it would with ENOSPC.
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    done = subprocess.run(
        [sys.executable, "-c", program, path],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("OSError 27\n", "")
    assert path.read_bytes() == old
    assert [*tmp_path.iterdir()] == [path]


def test_progress_counts_every_byte(tmp_path: Path) -> None:
    """The numbers given to `progress` are at least the bytes of the members, and bounded."""
    written: list[int] = []
    with ContainerWriter(tmp_path / "x", progress=written.append) as writer:
        writer.add("a", bytes(20 << 20))
        writer.finish(Manifest("m", "1"))
    assert 20 << 20 <= sum(written) <= (tmp_path / "x").stat().st_size + 1000


def test_closing_twice_is_closing(tmp_path: Path) -> None:
    """`close` after `finish` or `close` does nothing; adding after it is an error."""
    writer = ContainerWriter(tmp_path / "x")
    writer.finish(Manifest("m", "1"))
    writer.close()
    writer.close()
    with pytest.raises(PackageError):
        writer.add("a", b"")
    with Container.open(tmp_path / "x") as container:
        assert container.names == ()
