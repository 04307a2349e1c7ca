"""The image of every shared object of this environment, compared with the object byte for byte."""

from __future__ import annotations

import ctypes
import mmap
import os
import shutil
import subprocess
import sysconfig
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.hash import GNUHashTable

import sesha
from tests.native.images import elf
from tests.native.images.elf import Elf

if TYPE_CHECKING:
    import numpy.typing as npt

PREFIX = "sesha_ccfmdbo_"
SONAME = "sesha-golden.so"
SONAME_TAG = f'<DynamicTag (DT_SONAME) "{SONAME}">'
CORE = Path(sesha.__file__).with_name("libsesha.so.0")
INTERPOSED = {
    name: f"sesha_image_{name.strip('_')}"
    for name in (
        *("dlopen", "dlmopen", "dlsym", "dlvsym", "dlclose", "dlerror", "dladdr", "dladdr1"),
        *("__cxa_atexit", "on_exit", "at_quick_exit", "__cxa_at_quick_exit", "__cxa_thread_atexit"),
        *("abort", "__assert_fail", "sigaction", "signal", "fork", "__register_atfork"),
    )
} | {
    "__cxa_thread_atexit_impl": "sesha_image_cxa_thread_atexit",
    "pthread_atfork": "sesha_image_register_atfork",
}
# What of its dynamic section an image has anew, and what it must not have.
REWRITTEN = {elf.DT_NEEDED, elf.DT_SONAME, elf.DT_STRTAB, elf.DT_STRSZ, elf.DT_SYMTAB, elf.DT_HASH}
REWRITTEN |= {elf.DT_VERNEED, elf.DT_VERDEF, elf.DT_FLAGS_1}
DROPPED = {elf.DT_RPATH, elf.DT_RUNPATH, elf.DT_INIT, elf.DT_FINI, elf.DT_INIT_ARRAY}
DROPPED |= {elf.DT_FINI_ARRAY, elf.DT_INIT_ARRAYSZ, elf.DT_FINI_ARRAYSZ}


def shared_objects() -> list[Path]:
    folders = {sysconfig.get_path("platlib"), sysconfig.get_path("purelib")}
    folders |= {sysconfig.get_config_var("DESTSHARED"), sysconfig.get_config_var("LIBDIR")}
    found = {
        path.resolve()
        for folder in folders
        if folder
        for path in Path(folder).rglob("*.so*")
        if path.is_file() and path.parent.name != "pkgconfig"
    }
    return sorted(path for path in found if is_shared_object(path))


def is_shared_object(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(20)
    return head[:6] == b"\x7fELF\x02\x01" and head[16] == 3


OBJECTS = shared_objects()


@cache
def core() -> ctypes.CDLL:
    library = ctypes.CDLL(str(CORE))
    library.sesha_last_error.restype = ctypes.c_char_p
    return library


def dump(path: Path, *, soname: str = SONAME) -> int:
    """Return the descriptor of a memory file that holds the image."""
    descriptor = os.memfd_create("golden")
    if core().sesha_image_dump(os.fsencode(path), soname.encode(), descriptor) != 0:
        message = core().sesha_last_error().decode()
        os.close(descriptor)
        raise ValueError(message)
    return descriptor


@cache
def runtime_names() -> frozenset[str]:
    """Return what the C and C++ runtimes of this process define."""
    libraries = ["libc.so.6", "libstdc++.so.6", "libgcc_s.so.1", "libm.so.6"]
    libraries += ["libpthread.so.0", "libdl.so.2", "librt.so.1"]
    for library in libraries:
        ctypes.CDLL(library)
    names: set[str] = set()
    for line in Path("/proc/self/maps").read_text().splitlines():
        path = line.split(maxsplit=5)[5:]
        if path and Path(path[0]).name.split(".so")[0] in {
            library.split(".so")[0] for library in libraries
        }:
            names |= defined_names(path[0])
    return frozenset(names)


@cache
def defined_names(path: str) -> frozenset[str]:
    library = Elf.open(path)
    seen = (library.symbols["section"] != 0) & (library.symbols["info"] >> 4 != elf.STB_LOCAL)
    return frozenset(library.symbol_names[index] for index in np.flatnonzero(seen).tolist())


def expected_name(name: str, *, undefined: bool, local: bool) -> str:
    if undefined and name in INTERPOSED:
        return INTERPOSED[name]
    if not name or local or name in runtime_names():
        return name
    return PREFIX + name


class Pair:
    """An object and its image."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.original = Elf.open(path)
        descriptor = dump(path)
        try:
            self.image = Elf(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
        finally:
            os.close(descriptor)

    @property
    def added(self) -> elf.Segment:
        return self.image.loads[-1]

    def check_headers(self) -> None:
        """The program headers are the object's and one more, in order and in bounds."""
        image, original = self.image, self.original
        assert len(image.segments) == len(original.segments) + 1
        position = image.segments.index(self.added)
        others = image.segments[:position] + image.segments[position + 1 :]
        for ours, theirs in zip(others, original.segments, strict=True):
            if theirs.type in {elf.PT_PHDR, elf.PT_DYNAMIC}:
                assert ours.type == theirs.type
                assert self.added.address <= ours.address
                assert (
                    ours.address + ours.memory_size <= self.added.address + self.added.memory_size
                )
                assert ours.offset - self.added.offset == ours.address - self.added.address
            else:
                assert ours == theirs
        end = 0
        for load in image.loads:
            assert load.address >= end
            assert load.address % 4096 == load.offset % 4096
            assert load.offset + load.file_size <= len(image.data)
            assert load.alignment % 4096 == 0
            end = load.address + load.memory_size
        assert self.added.flags & elf.PF_X == 0
        assert self.added.address % 4096 == 0
        assert self.added.offset <= image.header_offset
        assert image.header_offset + image.header_size <= self.added.offset + self.added.file_size
        assert image.data[:24] == original.data[:24]

    def check_dynamic(self) -> None:
        """The dynamic section has the new names, no constructors, destructors or run paths."""
        image, original = self.image, self.original
        assert image.names(elf.DT_SONAME) == [SONAME]
        names = [f"{SONAME}-needs-{name}" for name in original.names(elf.DT_NEEDED)]
        assert image.names(elf.DT_NEEDED) == names
        assert not {tag for tag, _ in image.dynamic} & DROPPED
        kept = [item for item in original.dynamic if item[0] not in REWRITTEN | DROPPED]
        assert [item for item in image.dynamic if item[0] not in REWRITTEN] == kept
        only_once = [tag for tag, _ in image.dynamic if tag != elf.DT_NEEDED]
        assert len(only_once) == len(set(only_once))

    def check_symbols(self) -> None:
        """Symbols are the object's one to one, with names by the rule and no unique binding."""
        ours, theirs = self.image.symbols, self.original.symbols
        for field in ("other", "section", "value", "size"):
            assert np.array_equal(ours[field], theirs[field])
        assert np.array_equal(ours["info"] & 15, theirs["info"] & 15)
        binding = theirs["info"] >> 4
        binding = np.where(binding == elf.STB_GNU_UNIQUE, elf.STB_GLOBAL, binding)
        assert np.array_equal(ours["info"] >> 4, binding)
        names = [
            expected_name(name, undefined=undefined, local=local)
            for name, undefined, local in zip(
                self.original.symbol_names,
                (theirs["section"] == 0).tolist(),
                (binding == elf.STB_LOCAL).tolist(),
                strict=True,
            )
        ]
        assert self.image.symbol_names == names

    def check_lookup(self) -> None:
        """The image's hash table leads from each name that it defines to that symbol."""
        if self.image.gnu_hash is not None:
            self.check_gnu_lookup()
            return
        address = self.image.entry(elf.DT_HASH)
        if address is None:
            return
        words = np.frombuffer(self.image.read(address, 8), dtype="<u4")
        buckets, chains = int(words[0]), int(words[1])
        table = np.frombuffer(self.image.read(address + 8, 4 * (buckets + chains)), dtype="<u4")
        for index in np.flatnonzero(self.image.symbols["section"]).tolist():
            name = self.image.symbol_names[index].encode("utf-8", "surrogateescape")
            at = int(table[elf.sysv_hash(name) % buckets])
            while at not in {index, 0}:
                at = int(table[buckets + at])
            assert at == index

    def check_gnu_lookup(self) -> None:
        assert self.image.gnu_hash is not None
        first, filters, buckets, shift, chains = self.image.gnu_hash
        hashed = self.image.hashed_symbols
        defined = np.flatnonzero(
            (self.image.symbols["section"] != 0)
            & (self.image.symbols["info"] >> 4 != elf.STB_LOCAL)
            & (self.image.symbols["name"] != 0)
        )
        assert set(defined.tolist()) <= set(hashed)
        if not hashed:
            return
        count = len(hashed)
        hashes = gnu_hashes(self.image.symbols["name"][first:][:count], self.image.strings)
        words = filters[(hashes // 64) % len(filters)]
        bits = (words >> (hashes % 64).astype("u8")) & (
            words >> ((hashes >> shift) % 64).astype("u8")
        )
        assert (bits & 1).all()
        chain = np.frombuffer(self.image.read(chains, 4 * count), dtype="<u4")
        assert np.array_equal(chain | 1, hashes.astype("<u4") | 1)
        # Each chain begins where its bucket says, holds one bucket's symbols and ends with a mark.
        homes = hashes % len(buckets)
        begins = np.flatnonzero(np.r_[True, homes[1:] != homes[:-1]])
        assert np.array_equal(buckets[homes[begins]], begins + first)
        assert len(np.unique(homes[begins])) == len(begins)
        assert np.array_equal(np.flatnonzero(chain & 1), np.r_[begins[1:] - 1, count - 1])

    def check_versions(self) -> None:
        """Every symbol has the version that it has in the object."""
        image, original = self.image, self.original
        needed = set(original.names(elf.DT_NEEDED))
        renamed = [
            (f"{SONAME}-needs-{library}" if library in needed else library, *rest)
            for library, *rest in original.needed_versions()
        ]
        assert list(image.needed_versions()) == renamed
        assert list(image.defined_versions()) == list(original.defined_versions())
        if original.version_indices is not None:
            assert image.version_indices is not None
            assert np.array_equal(image.version_indices, original.version_indices)

    def check_relocations(self) -> None:
        """The relocation tables are the object's, byte for byte."""
        image, original = self.image, self.original
        assert image.relocations.tobytes() == original.relocations.tobytes()
        relr = (elf.DT_RELR, elf.DT_RELRSZ)
        assert image.table(*relr) == original.table(*relr)

    def check_contents(self) -> None:
        """Writable segments are the object's; of the others each byte is, or lies in a hole."""
        image, original = self.image.bytes, self.original.bytes
        whole = self.original.needs_code_while_loading()
        for load in self.original.loads:
            part = slice(load.offset, load.offset + load.file_size)
            ours, theirs = image[part], original[part]
            if load.offset == 0:  # the header has new places of the program headers
                ours, theirs = ours[64:], theirs[64:]
            if whole or load.flags & elf.PF_W:
                assert np.array_equal(ours, theirs)
            else:
                assert only_holes_differ(ours, theirs)
        for segment in self.original.segments:
            if segment.type in {elf.PT_TLS, elf.PT_NOTE, elf.PT_GNU_PROPERTY}:
                part = slice(segment.offset, segment.offset + segment.file_size)
                assert np.array_equal(image[part], original[part])


def only_holes_differ(ours: npt.NDArray[np.uint8], theirs: npt.NDArray[np.uint8]) -> bool:
    step = 1 << 24
    for at in range(0, len(ours), step):
        mine, other = ours[at : at + step], theirs[at : at + step]
        if mine.any() and not ((mine == other) | (mine == 0)).all():
            return False
    return True


def gnu_hashes(offsets: npt.NDArray[np.uint32], strings: bytes) -> npt.NDArray[np.uint64]:
    """Hash the strings at `offsets` all at once, a character of each at a time."""
    table = np.frombuffer(strings, dtype=np.uint8)
    at = offsets.astype(np.int64)
    hashes = np.full(len(at), 5381, dtype=np.uint64)
    alive = np.arange(len(at))
    while len(alive):
        characters = table[at[alive]]
        alive, characters = alive[characters != 0], characters[characters != 0]
        hashes[alive] = (hashes[alive] * np.uint64(33) + characters) & np.uint64(0xFFFFFFFF)
        at[alive] += 1
    return hashes


def label(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def test_environment_has_shared_objects_to_check() -> None:
    """The environment's own extension modules and the Python library are among the objects."""
    assert any("lib-dynload" in str(path) for path in OBJECTS)
    assert len(OBJECTS) > 50


@pytest.mark.parametrize("path", OBJECTS, ids=label)
def test_image_equals_its_object_but_for_names(path: Path) -> None:
    """An image differs from its object in names, needs, constructors and holes alone."""
    pair = Pair(path)
    pair.check_headers()
    pair.check_dynamic()
    pair.check_symbols()
    pair.check_lookup()
    pair.check_versions()
    pair.check_relocations()
    pair.check_contents()


def sample() -> list[Path]:
    """Return one object of every folder: the smallest that exports something.

    Without section headers readelf counts symbols by the hash table.
    """
    by_folder: dict[Path, Path] = {}
    for path in sorted(OBJECTS, key=lambda path: path.stat().st_size):
        if path.parent not in by_folder and Elf.open(path).hashed_symbols:
            by_folder[path.parent] = path
    return list(by_folder.values())[:25]


@pytest.mark.skipif(shutil.which("readelf") is None, reason="binutils is not installed")
@pytest.mark.parametrize("path", sample(), ids=label)
def test_readelf_sees_the_same_symbols_under_new_names(path: Path, tmp_path: Path) -> None:
    """Readelf reads an image without complaint and lists the object's symbols, renamed."""
    image = tmp_path / "image.so"
    descriptor = dump(path)
    with os.fdopen(descriptor, "rb") as file:
        image.write_bytes(file.read())
    listings = []
    for each in (path, image):
        command = ["readelf", "-W", "-D", "-s", str(each)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert not done.stderr
        rows = [line.split() for line in done.stdout.splitlines()]
        listings.append([row[:7] for row in rows if row and row[0].rstrip(":").isdigit()])
    original, renamed = listings
    as_global = [[field.replace("UNIQUE", "GLOBAL") for field in row] for row in original]
    assert renamed == as_global


@pytest.mark.parametrize("path", sample(), ids=label)
def test_pyelftools_finds_symbols_by_their_new_names(path: Path) -> None:
    """A second reader's hash look-ups find each of an image's defined symbols."""
    with os.fdopen(dump(path), "rb") as file:
        parsed = ELFFile(file)
        dynamic = next(part for part in parsed.iter_segments() if isinstance(part, DynamicSegment))
        assert [str(tag) for tag in dynamic.iter_tags("DT_SONAME")] == [SONAME_TAG]
        _, offset = dynamic.get_table_offset("DT_GNU_HASH")
        assert offset is not None
        table = GNUHashTable(parsed, offset, dynamic)
        for index in Elf.open(path).hashed_symbols[:50]:
            symbol = dynamic.get_symbol(index)
            assert symbol.name.startswith(PREFIX) or symbol.name in runtime_names()
            found = table.get_symbol(symbol.name)
            assert found is not None
            assert found["st_value"] == symbol["st_value"]


def test_dump_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    """An object that is no shared library is refused with its path and the next step."""
    path = tmp_path / "text.so"
    path.write_text("INPUT(libreal.so)\n" * 10)
    with pytest.raises(ValueError, match=r"text\.so: .*install its package again"):
        dump(path)


def test_dump_refuses_a_descriptor_that_takes_no_image() -> None:
    """A descriptor that can't be written is an error, not a crash."""
    with Path(os.devnull).open("rb") as file:
        status = core().sesha_image_dump(os.fsencode(OBJECTS[0]), b"x.so", file.fileno())
    assert status != 0
    assert b"cannot write the image to the given descriptor" in core().sesha_last_error()
