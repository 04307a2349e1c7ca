import resource
from pathlib import Path

import pytest

from sesha.cli.checks import system
from sesha.cli.checks.finding import Status


def test_this_machine_passes() -> None:
    """The machine that runs the suite fails no check."""
    assert [f for f in system.check_system() if f.status is Status.FAILED] == []


@pytest.mark.parametrize(
    ("name", "machine", "largest", "status"),
    [
        ("Linux", "x86_64", 2**63 - 1, Status.OK),
        ("Linux", "aarch64", 2**63 - 1, Status.WARNING),
        ("Linux", "x86_64", 2**31 - 1, Status.FAILED),
        ("Linux", "riscv64", 2**63 - 1, Status.FAILED),
        ("Darwin", "arm64", 2**63 - 1, Status.FAILED),
    ],
)
def test_machine(name: str, machine: str, largest: int, status: Status) -> None:
    """64-bit Linux on x86-64 passes, on aarch64 it is a warning, all else fails."""
    assert system.check_machine(name, machine, largest).status is status


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("glibc 2.36", Status.OK),
        ("glibc 2.28", Status.OK),
        ("glibc 2.27", Status.FAILED),
        ("glibc 2.9", Status.FAILED),
        ("glibc 3.0", Status.OK),
        ("", Status.FAILED),
    ],
)
def test_libc(version: str, status: Status) -> None:
    """glibc from 2.28 on passes; older ones and other C libraries fail with a fix."""
    finding = system.check_libc(version)
    assert finding.status is status
    assert bool(finding.fix) == (status is Status.FAILED)


def test_musl_is_named() -> None:
    """A C library that does not tell its version is suspected to be musl."""
    assert "musl" in system.check_libc("").detail


def test_libc_version_is_this_process_own() -> None:
    """The version is glibc's own answer."""
    assert system.libc_version().startswith("glibc 2.")


def test_one_place_for_images_is_enough() -> None:
    """Where memory is refused, a folder that allows code will do."""
    finding = system.check_image_places({"memory (memfd)": "refused", "/tmp": ""})
    assert (finding.status, finding.detail) == (Status.OK, "/tmp")


def test_no_place_for_images_names_every_reason_and_the_setting() -> None:
    """Where no place allows code, each is listed with its reason, and the settings that help."""
    finding = system.check_image_places({"memory (memfd)": "EACCES", "/tmp": "noexec"})
    assert finding.status is Status.FAILED
    assert finding.detail == "memory (memfd): EACCES; /tmp: noexec"
    assert "SESHA_IMAGE_DIR" in finding.fix
    assert "vm.memfd_noexec" in finding.fix


def test_named_image_folder_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SESHA_IMAGE_DIR is tried before the usual folders, and nothing stays in it."""
    monkeypatch.setenv("SESHA_IMAGE_DIR", str(tmp_path))
    places = system.image_places()
    assert list(places)[1] == str(tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("SESHA_IMAGE_DIR", str(tmp_path / "none"))
    assert "No such file" in system.image_places()[str(tmp_path / "none")]


@pytest.mark.parametrize(
    ("text", "status"), [("65530", Status.OK), ("1000", Status.WARNING), ("?", Status.SKIPPED)]
)
def test_mappings(text: str, status: Status, tmp_path: Path) -> None:
    """Fewer mappings than Linux's default are a warning; an unreadable setting says nothing."""
    (tmp_path / "setting").write_text(text)
    assert system.check_mappings(tmp_path / "setting").status is status


@pytest.mark.parametrize(
    ("limit", "status"),
    [(1024, Status.OK), (resource.RLIM_INFINITY, Status.OK), (64, Status.WARNING)],
)
def test_descriptors(limit: int, status: Status) -> None:
    """A low limit of open files is a warning."""
    assert system.check_descriptors(limit).status is status


def test_static_tls_room_is_read_from_the_tunables() -> None:
    """The room that the user set is told among other tunables."""
    tunables = "glibc.malloc.check=1:glibc.rtld.optional_static_tls=4096"
    assert system.check_tunables(tunables).detail.startswith("4096 bytes")
    assert system.check_tunables("").detail.startswith("512 bytes")
