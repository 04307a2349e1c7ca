import sys
import sysconfig
from pathlib import Path

import pytest

from sesha.cli.checks import python
from sesha.cli.checks.finding import Status


def test_this_python_passes() -> None:
    """The Python that runs the suite passes every check."""
    assert {f.subject: f.status for f in python.check_python() if f.status is not Status.OK} == {}


@pytest.mark.parametrize(
    ("version", "implementation", "status"),
    [
        ((3, 10), "cpython", Status.FAILED),
        ((3, 11), "cpython", Status.OK),
        ((3, 13), "cpython", Status.OK),
        ((3, 99), "cpython", Status.WARNING),
        ((3, 11), "pypy", Status.FAILED),
    ],
)
def test_version(version: tuple[int, int], implementation: str, status: Status) -> None:
    """CPython from 3.11 on passes; one newer than the suite has seen is a warning."""
    finding = python.check_version(version, implementation)
    assert finding.status is status
    assert bool(finding.fix) == (status is not Status.OK)


def test_free_threaded_build_is_refused() -> None:
    """A Python without a GIL is told to use the default build."""
    assert python.check_threading(free_threaded=True).status is Status.FAILED
    assert python.check_threading(free_threaded=False).status is Status.OK


def test_no_libpython_names_the_ways_to_get_one(tmp_path: Path) -> None:
    """Without libpython, the finding says where it was looked for and how to get one."""
    finding = python.check_libpython([tmp_path / "libpython3.so"])
    assert finding.status is Status.FAILED
    assert str(tmp_path) in finding.detail
    assert f"apt install libpython{sys.version_info.major}." in finding.fix
    assert "--enable-shared" in finding.fix


def test_static_python_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python that was built without a shared library is called static."""
    known = sysconfig.get_config_var
    monkeypatch.setattr(
        sysconfig, "get_config_var", lambda name: 0 if name == "Py_ENABLE_SHARED" else known(name)
    )
    assert "static" in python.check_libpython([tmp_path / "libpython3.so"]).detail


def test_static_build_still_finds_a_library_installed_beside_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the build names only its archive, libpython3.X.so.1.0 is looked for all the same."""
    monkeypatch.setattr(
        sysconfig, "get_config_var", lambda name: "libpython.a" if name == "INSTSONAME" else None
    )
    names = {path.name for path in python.libpython_candidates()}
    assert names == {f"libpython{sys.version_info.major}.{sys.version_info.minor}.so.1.0"}


def test_broken_libpython_is_a_failure(tmp_path: Path) -> None:
    """A libpython that does not load is named with the loader's reason."""
    broken = tmp_path / "libpython3.so"
    broken.write_bytes(b"\x7fELF")
    finding = python.check_libpython([broken])
    assert finding.status is Status.FAILED
    assert "does not load" in finding.detail


def test_libpython_of_another_version_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A libpython of another patch release than this Python is refused."""
    monkeypatch.setattr(sys, "version", "3.11.999 (main)")
    finding = python.check_libpython(python.libpython_candidates())
    assert finding.status is Status.FAILED
    assert "3.11.999" in finding.detail
    assert "same build" in finding.fix
