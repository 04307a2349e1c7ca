import collections
import importlib
import json
import sys
from pathlib import Path

import pytest

from sesha.package import (
    ObjMismatchError,
    ObjNotFoundError,
    OrderedImporter,
    PackageExporter,
    PackageImporter,
    sys_importer,
)
from sesha.package.importers import find_spec
from tests.package.conftest import Project


def test_names_of_objects() -> None:
    """An object's name leads back to it; an object under another's name is told apart."""
    assert sys_importer.get_name(collections.OrderedDict) == ("collections", "OrderedDict")
    assert sys_importer.get_name(json.JSONDecoder.decode) == ("json.decoder", "JSONDecoder.decode")

    class Hidden:
        pass

    with pytest.raises(ObjNotFoundError, match="Hidden"):
        sys_importer.get_name(Hidden)
    Hidden.__module__, Hidden.__qualname__ = "collections", "OrderedDict"
    with pytest.raises(ObjMismatchError, match="OrderedDict"):
        sys_importer.get_name(Hidden)


def test_order_decides(project: Project, tmp_path: Path) -> None:
    """The first importer that has a module or object gives it; the others are asked next."""
    project({"both.py": "class C: pass\n"})
    with PackageExporter(tmp_path / "a.sesha") as exporter:
        exporter.save_module("both")
    outside = importlib.import_module("both")
    with PackageImporter(tmp_path / "a.sesha") as importer:
        inside = importer.import_module("both")
        first = OrderedImporter(importer, sys_importer)
        last = OrderedImporter(sys_importer, importer)
        assert first.import_module("both") is inside
        assert last.import_module("both") is outside
        assert first.import_module("pytest") is pytest
        assert first.get_name(inside.C) == ("both", "C")
        assert first.get_name(outside.C) == ("both", "C")
        assert first.whichmodule(inside.C, "C") == inside.__name__
        with pytest.raises(ObjMismatchError, match="list the importer"):
            sys_importer.get_name(inside.C)
        with pytest.raises(ModuleNotFoundError):
            first.import_module("no_such_module_anywhere")


def test_empty_parents_of_a_package_hide_nothing(project: Project, tmp_path: Path) -> None:
    """A package that is empty in an archive does not stand before the real one."""
    project({"outer/__init__.py": "REAL = True\n", "outer/inner.py": ""})
    with PackageExporter(tmp_path / "a.sesha", strict=True) as exporter:
        exporter.save_module("outer.inner")
    with PackageImporter(tmp_path / "a.sesha") as importer:
        assert not hasattr(importer.import_module("outer"), "REAL")
        ordered = OrderedImporter(importer, sys_importer)
        assert ordered.import_module("outer").REAL
        located = ordered.locate("outer")
        assert located is not None
        assert located.source == "REAL = True\n"


def test_locating_executes_nothing(project: Project) -> None:
    """What a module is made of is found without executing it or its parents."""
    project(
        {
            "loud/__init__.py": "raise AssertionError('executed')\n",
            "loud/inner/deep.py": "raise AssertionError('executed')\n",
        }
    )
    located = sys_importer.locate("loud.inner.deep")
    assert located is not None
    assert located.source == "raise AssertionError('executed')\n"
    assert not located.is_package
    folder = sys_importer.locate("loud.inner")
    assert folder is not None
    assert (folder.is_package, folder.source, folder.origin) == (True, None, None)
    assert sys_importer.locate("loud.absent") is None
    assert sys_importer.locate("loud.inner.deep.er") is None
    assert "loud" not in sys.modules


def test_specs_of_loaded_and_builtin_modules() -> None:
    """Modules that are loaded, built in or frozen are found too."""
    for name in ("json.decoder", "sys", "zipimport", "os.path"):
        assert find_spec(name) is not None
