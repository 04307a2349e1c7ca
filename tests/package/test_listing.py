import pkgutil
import sys
import zipfile
from pathlib import Path

import pytest

from sesha.package import PackageExporter, PackageImporter

SOURCE = """
import importlib
import pkgutil

found = {
    name: importlib.import_module(f"{__name__}.{name}").NAME
    for _, name, _ in pkgutil.iter_modules(__path__)
}
walked = [each.name for each in pkgutil.walk_packages(__path__, __name__ + ".")]
"""


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "model.sesha"
    with PackageExporter(path) as exporter:
        exporter.save_source_string("plugins", SOURCE, is_package=True)
        exporter.save_source_string("plugins.one", "NAME = 1\n")
        exporter.save_source_string("plugins.two", "NAME = 2\n", is_package=True)
        exporter.save_source_string("plugins.two.inner", "NAME = 3\n")
    return path


def check(importer: PackageImporter) -> None:
    plugins = importer.import_module("plugins")
    assert plugins.found == {"one": 1, "two": 2}
    assert plugins.walked == [f"{plugins.__name__}.{name}" for name in ("one", "two", "two.inner")]


def test_packaged_code_lists_its_own_modules(target: Path) -> None:
    """pkgutil.iter_modules and walk_packages find packaged modules, each time a file is opened."""
    for _ in range(2):
        with PackageImporter(target) as importer:
            check(importer)


def test_unpacked_packages_too(target: Path, tmp_path: Path) -> None:
    """The modules of an unpacked package are listed from its folder."""
    with zipfile.ZipFile(target) as archive:
        archive.extractall(tmp_path / "folder")
    with PackageImporter(tmp_path / "folder") as importer:
        check(importer)


def test_closed_packages_are_listed_no_longer(target: Path) -> None:
    """After closing, a package's path is as any other again."""
    with PackageImporter(target) as importer:
        path = list(importer.import_module("plugins").__path__)
        assert len(list(pkgutil.iter_modules(path))) == 2
    assert not [each for each in sys.path_importer_cache if each in path]
