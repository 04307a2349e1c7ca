"""Checks of the machine: processor, C library, and the kernel's rules for code in memory."""

import contextlib
import functools
import mmap
import os
import platform
import resource
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from sesha.cli.checks.finding import Finding, Status, failed, ok, warning

# The C library of manylinux_2_28, for which torch's and numpy's wheels are built. sesha itself
# needs memfd_create (2.27) and no more.
OLDEST_GLIBC = (2, 28)
TESTED_MACHINES = ("x86_64",)
UNTESTED_MACHINES = ("aarch64",)
# Linux's own default; an interpreter with torch takes about 2,000 mappings.
FEWEST_MAPPINGS = 65530
# One descriptor for each file while it loads, and what the guests open: a low limit breaks first
# in the user's code.
FEWEST_DESCRIPTORS = 256

_IMAGE_FOLDERS = ("/dev/shm", "/tmp", "/var/tmp")  # noqa: S108 - unnamed files: nobody can meddle


def check_system() -> Iterator[Finding]:
    """Yields the findings about this machine."""
    yield check_machine(platform.system(), platform.machine(), sys.maxsize)
    yield check_libc(libc_version())
    yield check_image_places(image_places())
    yield check_mappings(Path("/proc/sys/vm/max_map_count"))
    yield check_descriptors(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield check_tunables(os.environ.get("GLIBC_TUNABLES", ""))


def check_machine(system: str, machine: str, largest: int) -> Finding:
    """Whether operating system and processor are ones that images can be written for."""
    found = f"{system} {machine}"
    if system != "Linux" or machine not in TESTED_MACHINES + UNTESTED_MACHINES:
        return failed("machine", found, "use Linux on x86-64 (or, untested, on aarch64)")
    if largest < 2**63 - 1:
        return failed("machine", f"{found}, 32-bit Python", "use a 64-bit Python")
    if machine in UNTESTED_MACHINES:
        return warning("machine", found, "not tested on this processor: run your own tests first")
    return ok("machine", found)


def libc_version() -> str:
    """Such as "glibc 2.36"; empty where the C library does not tell, as musl's does not."""
    try:
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        return ""


def check_libc(version: str) -> Finding:
    """Whether the C library is glibc, and new enough.

    Args:
        version: As `libc_version` gives it.
    """
    name, _, number = version.partition(" ")
    if name != "glibc":
        return failed(
            "C library",
            version or "not glibc (musl, as in Alpine?)",
            "use a distribution with glibc, such as Debian, Ubuntu, Fedora, or an image "
            "python:3.13-slim in place of python:3.13-alpine",
        )
    parts = tuple(int(part) for part in number.split(".")[:2] if part.isdigit())
    if parts < OLDEST_GLIBC:
        return failed(
            "C library",
            version,
            "needs glibc 2.28 or newer: Debian 10, Ubuntu 18.10, RHEL 8 or later",
        )
    return ok("C library", version)


def image_places() -> dict[str, str]:
    """Where code can be mapped from that leaves no file: place -> why not, or "" where it can.

    The places are those of `native/images/file.cpp`, in its order.
    """
    places = {"memory (memfd)": _why_not(_memory_file)}
    named = [os.environ.get(name) for name in ("SESHA_IMAGE_DIR", "XDG_RUNTIME_DIR", "TMPDIR")]
    for folder in dict.fromkeys((*filter(None, named), *_IMAGE_FOLDERS)):
        places[folder] = _why_not(functools.partial(_unnamed_file, folder))
    return places


def _memory_file() -> int:
    # Since Linux 6.3 a descriptor for code has to say so (MFD_EXEC), and before it may not.
    with contextlib.suppress(OSError):
        return os.memfd_create("sesha-doctor", os.MFD_CLOEXEC | 0x10)
    return os.memfd_create("sesha-doctor", os.MFD_CLOEXEC)


def _unnamed_file(folder: str) -> int:
    return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o700)


def _why_not(make: Callable[[], int]) -> str:
    """Why code can't be mapped from the file that `make` opens; empty when it can."""
    try:
        descriptor = make()
    except OSError as error:
        return str(error)
    try:
        os.write(descriptor, bytes(mmap.PAGESIZE))
        mmap.mmap(
            descriptor, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_EXEC
        ).close()
    except OSError as error:
        return str(error)
    finally:
        os.close(descriptor)
    return ""


def check_image_places(places: dict[str, str]) -> Finding:
    """Whether there is a place for images: code mapped from files that leave no trace."""
    reasons = "; ".join(f"{place}: {reason}" for place, reason in places.items() if reason)
    good = [place for place, reason in places.items() if not reason]
    if good:
        return ok("place for images", good[0])
    return failed(
        "place for images",
        reasons,
        "set SESHA_IMAGE_DIR to a folder with free space that is mounted without noexec, or "
        "`sysctl vm.memfd_noexec=0`",
    )


def check_mappings(setting: Path) -> Finding:
    """Whether the kernel allows a process enough mappings for several interpreters."""
    try:
        allowed = int(setting.read_text())
    except (OSError, ValueError) as error:
        return Finding("memory mappings", Status.SKIPPED, f"can't tell: {error}")
    if allowed < FEWEST_MAPPINGS:
        return warning(
            "memory mappings",
            f"{allowed} for a process",
            f"`sysctl vm.max_map_count={FEWEST_MAPPINGS}`: many interpreters need many mappings",
        )
    return ok("memory mappings", f"{allowed} for a process")


def check_descriptors(limit: int) -> Finding:
    """Whether a process may open enough files."""
    if limit != resource.RLIM_INFINITY and limit < FEWEST_DESCRIPTORS:
        return warning("open files", f"{limit} for a process", "raise it: `ulimit -n 1024`")
    return ok("open files", f"{limit} for a process")


def check_tunables(tunables: str) -> Finding:
    """What this process was given as room for thread-local variables of libraries loaded late."""
    for tunable in tunables.split(":"):
        name, _, value = tunable.partition("=")
        if name == "glibc.rtld.optional_static_tls":
            return ok("static TLS", f"{value} bytes beyond the C library's own (GLIBC_TUNABLES)")
    return ok("static TLS", "512 bytes beyond the C library's own (the default)")
