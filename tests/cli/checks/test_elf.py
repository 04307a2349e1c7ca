import functools
import struct
import sys
from pathlib import Path

import pytest
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sesha.cli.checks import elf
from sesha.cli.checks.environment import folders


def shared_objects() -> list[Path]:
    return sorted(path for folder in folders() for path in folder.rglob("*.so"))


@functools.cache
def sample() -> bytes:
    """A small real library."""
    return min(shared_objects(), key=lambda path: path.stat().st_size).read_bytes()


def test_agrees_with_pyelftools_on_the_whole_environment() -> None:
    """Machine, static TLS and exported init functions are those that pyelftools reads."""
    paths = shared_objects()
    assert len(paths) > 100
    for path in paths:
        mine = elf.read(path)
        with path.open("rb") as file:
            theirs = ELFFile(file)
            assert f"EM_{elf.Machine(mine.machine).name}" == theirs.header["e_machine"], path
            dynamic = theirs.get_section_by_name(".dynamic")
            assert isinstance(dynamic, DynamicSection), path
            flags = [tag.entry.d_val for tag in dynamic.iter_tags("DT_FLAGS")]
            sizes = [s.header.p_memsz for s in theirs.iter_segments("PT_TLS")]
            static = any(value & 0x10 for value in flags)
            assert mine.static_tls == (sum(sizes) if static else 0), path
            symbols = theirs.get_section_by_name(".dynsym")
            assert isinstance(symbols, SymbolTableSection), path
            for symbol in symbols.iter_symbols():
                if symbol.name.startswith("PyInit_"):
                    assert mine.mentions(symbol.name), path


def test_reads_this_machine() -> None:
    """An extension of the running Python is for a machine that sesha knows."""
    assert elf.Machine(elf.read(shared_objects()[0]).machine) in set(elf.Machine)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"\x7fELF", "requires a buffer"),
        (b"not a library at all" * 10, "not an ELF file"),
        (b"\x7fELF\x01\x01" + bytes(100), "not 64-bit little-endian"),
        (b"\x7fELF\x02\x02" + bytes(100), "not 64-bit little-endian"),
        (b"\x7fELF\x02\x01" + bytes(100), "no dynamic string table"),
    ],
)
def test_other_files_are_refused(content: bytes, reason: str, tmp_path: Path) -> None:
    """A file that is no 64-bit little-endian shared object is an ElfError that names it."""
    path = tmp_path / "odd.so"
    path.write_bytes(content)
    with pytest.raises(elf.ElfError, match=reason) as error:
        elf.read(path)
    assert str(path) in str(error.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_damage_never_escapes_as_another_error(tmp_path: Path, data: st.DataObject) -> None:
    """A file with damaged bytes or a missing end is read or refused, never anything else."""
    damaged = bytearray(sample())
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, 600))
        damaged[place : place + 8] = struct.pack("<Q", data.draw(st.integers(0, 2**64 - 1)))
    path = tmp_path / "damaged.so"
    path.write_bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    try:
        elf.read(path)
    except elf.ElfError as error:
        assert str(path) in str(error)  # noqa: PT017 - reading may also succeed


def test_missing_file_is_an_os_error() -> None:
    """A file that isn't there is the operating system's error."""
    with pytest.raises(FileNotFoundError):
        elf.read(Path(sys.prefix, "no-such-file.so"))
