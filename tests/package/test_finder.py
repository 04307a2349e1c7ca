import importlib
import importlib.util
import linecache
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sesha.package import PackageExporter, PackageImporter


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "model.sesha"
    with PackageExporter(path) as exporter:
        exporter.save_source_string("one", "VALUE = 1\ndef f():\n    return VALUE\n")
        exporter.save_source_string("two", "import one\n")
    return path


def test_opened_package_is_importable_under_its_prefix(target: Path) -> None:
    """While a package is open, anybody imports its modules under their mangled names."""
    with PackageImporter(target) as importer:
        name = f"{importer.prefix}.one"
        assert importlib.util.find_spec(name) is not None
        assert importlib.import_module(name) is importer.import_module("one")
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(f"{importer.prefix}.three")


def test_plain_names_are_not_found(target: Path) -> None:
    """A packaged module is nobody else's under its plain name."""
    with PackageImporter(target):
        assert importlib.util.find_spec("two") is None


def test_closed_package_leaves_nothing_behind(target: Path) -> None:
    """A package that is closed has no modules, no finder and no source lines in the process."""
    with PackageImporter(target) as importer:
        module = importer.import_module("two")
        file = str(importer.import_module("one").__file__)
        assert linecache.getline(file, 1) == "VALUE = 1\n"
    assert not [name for name in sys.modules if name.startswith(importer.prefix)]
    assert file not in linecache.cache
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(module.__name__)
    assert module.one.f() == 1


def test_all_packages_share_one_finder(target: Path) -> None:
    """However many packages are open, one finder serves them, first in line and found once."""
    importers = [PackageImporter(target) for _ in range(3)]
    finders = [each for each in sys.meta_path if type(each).__module__ == "sesha.package.finder"]
    assert len(finders) == 1
    assert sys.meta_path[0] is finders[0]
    importlib.invalidate_caches()
    for importer in importers:
        importer.close()


def test_threads_open_and_close_at_once(target: Path) -> None:
    """Threads that open, import from and close packages at once don't disturb each other."""

    def use(_: int) -> int:
        with PackageImporter(target) as importer:
            found: int = importer.import_module("two").one.f()
            return found

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(use, range(80))) == [1] * 80
