"""What is read out of smaps."""

from __future__ import annotations

import mmap
from typing import TYPE_CHECKING

from benchmarks.memory import MIB, Mapping, footprint, mappings, shared_code

if TYPE_CHECKING:
    from pathlib import Path

_SIZE = 32 * 2**20


def mapping_of(path: str) -> Mapping:
    (found,) = [mapping for mapping in mappings() if mapping.path.startswith(path)]
    return found


def test_own_memory_is_private() -> None:
    """Memory that was written to counts as private, and no longer when it is given back."""
    before = footprint().private
    block = mmap.mmap(-1, _SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block.write(b"\1" * _SIZE)
    during = footprint().private
    block.close()
    assert 0.9 < (during - before) * MIB / _SIZE < 1.1
    assert footprint().private < during - 0.9 * _SIZE / MIB


def test_pages_of_a_named_file_are_the_page_caches(tmp_path: Path) -> None:
    """Clean pages of a file that has a name are not private, even if only one process maps it."""
    path = tmp_path / "named"
    path.write_bytes(b"\1" * _SIZE)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
        assert sum(view[:: mmap.PAGESIZE]) > 0
        found = mapping_of(str(path))
        assert found.resident > _SIZE // 2
        assert found.private == 0


def test_pages_of_an_unlinked_file_are_private(tmp_path: Path) -> None:
    """Pages of a file without a name are nobody else's."""
    path = tmp_path / "unlinked"
    path.write_bytes(b"\1" * _SIZE)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
        path.unlink()
        assert sum(view[:: mmap.PAGESIZE]) > 0
        assert mapping_of(str(path)).private > _SIZE // 2


def test_code_mapped_once_is_not_called_shared() -> None:
    """Only files whose code is mapped several times are listed."""
    assert all(share.times_mapped >= 2 for share in shared_code())
    assert {share.name for share in shared_code(at_least=1)} > {
        share.name for share in shared_code()
    }
