import importlib
import importlib.resources
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sesha.package import HermeticError, PackageExporter, PackageImporter


def packaged(folder: Path, source: str) -> ModuleType:
    """The module `shop.reader` of a package with a file beside it."""
    target = folder / "model.sesha"
    with PackageExporter(target) as exporter:
        exporter.save_source_string("shop", "", is_package=True)
        exporter.save_source_string("shop.reader", source, dependencies=False)
        exporter.save_text("shop", "words.txt", "one two")
    return PackageImporter(target).import_module("shop.reader")


WAYS = {
    "files by name": "from importlib.resources import files\nfound = files('shop')",
    "files by module": "import importlib.resources, shop\nfound = importlib.resources.files(shop)",
    "files by attribute": "import importlib.resources as r\nfound = r.files(__package__)",
    "files by keyword": (
        "import sys\nfrom importlib import resources\n"
        "key = 'package' if sys.version_info < (3, 12) else 'anchor'\n"
        "found = resources.files(**{key: 'shop'})"
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_resources_of_a_package_by_its_plain_name(way: str, tmp_path: Path) -> None:
    """importlib.resources takes the names that packaged code knows its packages by."""
    module = packaged(tmp_path, WAYS[way])
    assert (module.found / "words.txt").read_text() == "one two"


@pytest.mark.skipif(sys.version_info < (3, 12), reason="new in Python 3.12")
def test_resources_of_whoever_asks(tmp_path: Path) -> None:
    """Without an argument, files() gives the folder of the packaged code that calls it."""
    module = packaged(tmp_path, "from importlib.resources import files\nfound = files()")
    assert (module.found / "words.txt").read_text() == "one two"


def test_pkgutil_get_data_by_plain_name(tmp_path: Path) -> None:
    """pkgutil.get_data reads a file beside a packaged module."""
    source = "import pkgutil\ndata = pkgutil.get_data('shop', 'words.txt')"
    assert packaged(tmp_path, source).data == b"one two"


@pytest.mark.parametrize(
    "source",
    [
        "import pkgutil\npkgutil.get_data('pytest', 'py.typed')",
        "from importlib.resources import files\nfiles('pytest')",
    ],
)
def test_resources_of_undeclared_modules_are_refused(source: str, tmp_path: Path) -> None:
    """Files of a module that is neither packaged nor extern are out of reach, as the module is."""
    with pytest.raises(HermeticError, match=r"'pytest'.*reader\.py, line 2"):
        packaged(tmp_path, source)


def test_resources_of_the_standard_library(tmp_path: Path) -> None:
    """Packages of the standard library are asked as ever."""
    source = "from importlib.resources import files\nfound = files('json')"
    assert (packaged(tmp_path, source).found / "__init__.py").is_file()


def test_the_real_modules_stay_as_they_are(tmp_path: Path) -> None:
    """Facades are for packaged code; nobody else's modules change, and the rest shows through."""
    before: dict[str, Any] = {
        name: dict(vars(sys.modules[name]))
        for name in ("importlib", "importlib.resources", "pkgutil", "builtins")
    }
    module = packaged(
        tmp_path,
        "import builtins, importlib, importlib.resources, pkgutil\n",
    )
    assert module.importlib is not importlib
    assert module.importlib.resources is not importlib.resources
    assert module.importlib.resources.as_file is importlib.resources.as_file
    assert module.pkgutil.walk_packages is pkgutil.walk_packages
    assert module.builtins.len is len
    assert "reload" in dir(module.importlib)
    assert module.importlib.resources is module.importlib.resources
    for name, variables in before.items():
        assert vars(sys.modules[name]) == variables
