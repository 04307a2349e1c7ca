import shutil
import sysconfig
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from sesha.cli.checks.elf import Machine
from sesha.cli.checks.environment import (
    STANDARD_LIBRARY,
    Extension,
    batches,
    extensions,
    folders,
)
from sesha.cli.checks.finding import Finding, Status

SUFFIX = str(sysconfig.get_config_var("EXT_SUFFIX"))


def first_extension() -> Extension:
    return next(item for item in extensions(folders()) if isinstance(item, Extension))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with one real extension module, renamed to nothing: `pkg/sub/<name>`."""
    real = first_extension()
    folder = tmp_path / "pkg" / "sub"
    folder.mkdir(parents=True)
    shutil.copy(real.path, folder / (real.module.rpartition(".")[2] + SUFFIX))
    return tmp_path


def test_finds_what_numpy_and_the_standard_library_bring() -> None:
    """The environment's extension modules are found with their dotted names."""
    found = {item.module: item for item in extensions(folders()) if isinstance(item, Extension)}
    assert found["numpy._core._multiarray_umath"].package == "numpy"
    assert found["_ctypes"].package == STANDARD_LIBRARY
    assert all(any(e.path.name.endswith(s) for s in EXTENSION_SUFFIXES) for e in found.values())


def test_names_follow_the_folders(place: Path) -> None:
    """A file's module name is made of its folders below the place, then its stem."""
    name = first_extension().module.rpartition(".")[2]
    (found,) = extensions([place])
    assert isinstance(found, Extension)
    assert (found.module, found.package) == (f"pkg.sub.{name}", "pkg")


def test_library_without_init_function_is_no_extension(place: Path) -> None:
    """A shared object that exports no init function of its name is passed over."""
    (original,) = (place / "pkg" / "sub").iterdir()
    original.rename(original.with_name("another_name.so"))
    assert list(extensions([place])) == []


def test_build_for_another_python_is_a_warning(place: Path) -> None:
    """A file with another Python's suffix, and no sibling with ours, is named with its fix."""
    (original,) = (place / "pkg" / "sub").iterdir()
    other = original.with_name(original.name.replace(SUFFIX, ".cpython-27-x86_64-linux-gnu.so"))
    shutil.copy(original, other)
    assert all(isinstance(item, Extension) for item in extensions([place]))
    original.unlink()
    (finding,) = extensions([place])
    assert isinstance(finding, Finding)
    assert finding.status is Status.WARNING
    assert "another Python" in finding.detail
    assert "reinstall pkg" in finding.fix


def test_damaged_file_is_a_failure(place: Path) -> None:
    """A file that is cut short is a row of the table, with the fix."""
    (original,) = (place / "pkg" / "sub").iterdir()
    original.write_bytes(original.read_bytes()[:100])
    (finding,) = extensions([place])
    assert isinstance(finding, Finding)
    assert finding.status is Status.FAILED
    assert str(original) in finding.detail
    assert "reinstall pkg" in finding.fix


def test_build_for_another_processor_is_a_failure(place: Path) -> None:
    """A file for the other processor is named as such."""
    (original,) = (place / "pkg" / "sub").iterdir()
    content = bytearray(original.read_bytes())
    others = {Machine.X86_64: Machine.AARCH64, Machine.AARCH64: Machine.X86_64}
    content[18:20] = others[Machine(content[18])].to_bytes(2, "little")
    original.write_bytes(content)
    (finding,) = extensions([place])
    assert isinstance(finding, Finding)
    assert "another processor" in finding.detail


def test_missing_folder_holds_nothing(tmp_path: Path) -> None:
    """A folder of sys.path that doesn't exist is no error."""
    assert list(extensions([tmp_path / "none"])) == []


def test_batches_are_packages_with_the_package_itself_first() -> None:
    """Modules are grouped by package, largest first; a package is tried as well as its modules."""
    names = ["cv2.cv2", "_ctypes", "p._a", "p._b", "_single"]
    packages = ["cv2", STANDARD_LIBRARY, "p", "p", "_single"]
    modules = [Extension(n, p, Path(n)) for n, p in zip(names, packages, strict=True)]
    assert [[e.module for e in batch] for batch in batches(modules)] == [
        ["p", "p._a", "p._b"],
        ["cv2", "cv2.cv2"],
        ["_ctypes"],
        ["_single"],
    ]
