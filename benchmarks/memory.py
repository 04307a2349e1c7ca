"""Memory as the kernel accounts for it: /proc/PID/smaps (proc(5)), mapping by mapping."""

from __future__ import annotations

import gc
import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MIB = float(2**20)
_HEADER = re.compile(r"^[0-9a-f]+-[0-9a-f]+ (\S{4}) \S+ \S+ (\d+)\s*(.*)\n$")
_DELETED = " (deleted)"


@dataclass(frozen=True)
class Mapping:
    """One line of /proc/PID/maps with its counters, in bytes."""

    permissions: str
    inode: int
    path: str
    size: int
    resident: int
    proportional: int
    anonymous: int
    private_clean: int
    private_dirty: int

    @property
    def code(self) -> bool:
        """Whether it holds code of a file."""
        return "x" in self.permissions and self.inode != 0

    @property
    def private(self) -> int:
        """Bytes that would be freed if this mapping alone went.

        Pages of a named file do not count, even if one process alone maps them: they are the page
        cache's, and the next process or interpreter gets the same ones. Copies of them that were
        written to do. A file without a name (an image that was unlinked, a memfd) is nobody else's,
        so all of its pages count.
        """
        private = self.private_dirty + self.private_clean
        if self.inode != 0 and not self.path.endswith(_DELETED):
            return min(self.anonymous, private)
        return private


def mappings(pid: int | str = "self") -> Iterator[Mapping]:
    """Yield the mappings of a process one by one: keeping all would change what is measured."""
    counters: dict[str, int] = {}
    header: re.Match[str] | None = None
    with Path(f"/proc/{pid}/smaps").open(errors="replace") as smaps:
        for line in smaps:
            following = _HEADER.match(line)
            if following is None:
                name, _, rest = line.partition(":")
                if rest.endswith(" kB\n"):
                    counters[name] = int(rest[:-4]) * 1024
                continue
            if header is not None:
                yield _mapping(header, counters)
            header = following
    if header is not None:
        yield _mapping(header, counters)


def _mapping(header: re.Match[str], counters: dict[str, int]) -> Mapping:
    return Mapping(
        permissions=header[1],
        inode=int(header[2]),
        path=header[3],
        size=counters["Size"],
        resident=counters["Rss"],
        proportional=counters["Pss"],
        anonymous=counters["Anonymous"],
        private_clean=counters["Private_Clean"],
        private_dirty=counters["Private_Dirty"] + counters.get("Swap", 0),
    )


@dataclass(frozen=True)
class Footprint:
    """A process in MiB."""

    private: float
    proportional: float
    resident: float


def footprint(pid: int | str = "self") -> Footprint:
    """Measure a process, which may be this one; after a garbage collection if it is."""
    if pid == "self":
        gc.collect()
    private = proportional = resident = 0
    for mapping in mappings(pid):
        private += mapping.private
        proportional += mapping.proportional
        resident += mapping.resident
    return Footprint(private / MIB, proportional / MIB, resident / MIB)


def shared_memory() -> float:
    """Return the MiB of the whole machine's tmpfs and memfd files.

    Pages of a file without a name stay in memory as long as it is mapped, also those of which the
    process has copies by now; smaps does not show them.
    """
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("Shmem:"):
            return int(line.split()[1]) / 1024
    raise OSError("/proc/meminfo has no Shmem line")


@dataclass(frozen=True)
class CodeShare:
    """How the code of one file is mapped in a process, MiB."""

    name: str
    times_mapped: int
    size: float
    resident: float
    proportional: float
    written: float
    """Pages that are a copy of their own: what is *not* shared."""


def shared_code(pid: int | str = "self", *, at_least: int = 2) -> list[CodeShare]:
    """Return the files whose code is mapped several times in a process, the largest first."""
    by_file: dict[tuple[int, str], list[Mapping]] = defaultdict(list)
    for mapping in mappings(pid):
        if mapping.code:
            by_file[mapping.inode, mapping.path].append(mapping)
    shares = [
        CodeShare(
            name=Path(path).name,
            times_mapped=len(found),
            size=sum(m.size for m in found) / MIB,
            resident=sum(m.resident for m in found) / MIB,
            proportional=sum(m.proportional for m in found) / MIB,
            written=sum(m.anonymous for m in found) / MIB,
        )
        for (_, path), found in by_file.items()
        if len(found) >= at_least
    ]
    return sorted(shares, key=lambda share: -share.size)
