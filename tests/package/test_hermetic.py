from pathlib import Path
from types import ModuleType

import pytest

from sesha.package import HermeticError, PackageExporter, PackageImporter


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "model.sesha"


def module_of(target: Path, source: str, **others: str) -> ModuleType:
    """The packaged module `m`; nothing that it imports is found at export."""
    with PackageExporter(target) as exporter:
        for name, text in others.items():
            exporter.save_source_string(
                name.replace("__", "."), text, is_package=name.endswith("pkg"), dependencies=False
            )
        exporter.save_source_string("m", source, dependencies=False)
    return PackageImporter(target).import_module("m")


@pytest.mark.parametrize(
    "statement",
    [
        "import numpy",
        "import numpy.linalg as la",
        "from numpy import zeros",
        "from numpy.linalg import norm",
        "__import__('numpy')",
        "__import__('numpy', globals(), locals(), [], 0)",
        "import importlib; importlib.import_module('numpy')",
        "from importlib import import_module; import_module('numpy')",
        "import importlib; importlib.__import__('numpy')",
        "import builtins; builtins.__import__('numpy')",
        "exec('import numpy')",
        "eval('__import__(\"numpy\")')",
        "exec('import numpy', {})",
        "(lambda: __import__('numpy'))()",
    ],
)
def test_what_is_neither_packaged_nor_extern_is_refused(statement: str, target: Path) -> None:
    """However packaged code asks for a module of the host, it is an error with file and line."""
    with PackageExporter(target) as exporter:
        exporter.save_source_string("m", f"def f():\n    {statement}\n", dependencies=False)
    with PackageImporter(target) as importer:
        function = importer.import_module("m").f
        with pytest.raises(HermeticError) as caught:
            function()
        assert caught.value.name is not None
        assert caught.value.name.startswith("numpy")
        assert str(target) in str(caught.value)
        assert "line " in str(caught.value)


def test_error_names_package_module_and_line(target: Path) -> None:
    """The error of a refused import names the package, the module and the importing line."""
    with pytest.raises(HermeticError) as caught:
        module_of(target, "x = 1\nimport pandas\n")
    text = str(caught.value)
    assert str(target) in text
    assert "'pandas'" in text
    assert f"imported by {target}/m.py, line 2" in text


def test_refusal_is_what_optional_imports_expect(target: Path) -> None:
    """Code that does without a module catches the refusal as ModuleNotFoundError."""
    source = "try:\n    import pandas\nexcept ModuleNotFoundError:\n    pandas = None\n"
    assert module_of(target, source).pandas is None


def test_find_spec_tells_what_packaged_code_may_have(target: Path) -> None:
    """importlib.util.find_spec of packaged code knows the package and its externs only."""
    source = (
        "import importlib.util\nfrom importlib.util import find_spec\n"
        "found = [importlib.util.find_spec('pandas') is not None, find_spec('pandas') is not None, "
        "find_spec('other') is not None, find_spec('json') is not None]\n"
    )
    assert module_of(target, source, other="").found == [False, False, True, True]


def test_importlib_of_packaged_code_reaches_packaged_modules(target: Path) -> None:
    """importlib.import_module finds packaged modules, by absolute and relative names."""
    source = (
        "import importlib\n"
        "a = importlib.import_module('pkg.inner')\n"
        "b = importlib.import_module('.inner', 'pkg')\n"
        "import pkg.inner as c\n"
        "d = importlib.import_module(c.__name__)\n"
        "e = importlib.import_module('.inner', c.__package__)\n"
    )
    module = module_of(target, source, pkg="", pkg__inner="X = 1\n")
    assert module.a is module.b is module.c is module.d is module.e


def test_every_form_of_import_statement(target: Path) -> None:
    """Import statements bind what they bind outside."""
    source = (
        "import pkg.inner\nimport pkg.inner as i\nfrom pkg import inner as j\n"
        "from pkg.inner import X\nfrom pkg import *\nfrom pkg.user import Y, inner as k\n"
        "import os.path, xml.dom.minidom as dom\nfrom os import path\n"
    )
    module = module_of(
        target,
        source,
        pkg="__all__ = ['inner', 'other']\n",
        pkg__inner="X = 1\n",
        pkg__other="",
        pkg__user="from . import inner\nfrom .inner import X as Y\n",
    )
    assert module.pkg.inner is module.i is module.j is module.k is module.inner
    assert module.X == module.Y == 1
    assert module.other.__name__.endswith("pkg.other")
    assert module.os.path is module.path
    assert module.dom.__name__ == "xml.dom.minidom"


def test_missing_member_is_the_usual_import_error(target: Path) -> None:
    """A name that a packaged module doesn't have is Python's own ImportError."""
    with pytest.raises(ImportError, match="cannot import name 'nothing'"):
        module_of(target, "from pkg import nothing\n", pkg="")


def test_standard_library_is_the_hosts(target: Path) -> None:
    """The standard library is there without being declared."""
    import json  # noqa: PLC0415 - compared with the packaged code's

    module = module_of(target, "import json, sys, io\nfrom importlib import resources\n")
    assert module.json is json


def test_host_is_left_as_it_was(target: Path) -> None:
    """What packaged code gets in the place of importlib and builtins changes nothing outside."""
    import importlib  # noqa: PLC0415

    before = (__import__, importlib.import_module, importlib.util.find_spec)
    module = module_of(target, "import importlib, builtins\nn = importlib.machinery\n")
    assert module.importlib is not importlib
    assert module.n is importlib.machinery
    assert (__import__, importlib.import_module, importlib.util.find_spec) == before
    assert importlib.import_module("numpy").__name__ == "numpy"


def test_own_entry_in_sys_modules(target: Path) -> None:
    """Packaged code finds itself in sys.modules, and may replace itself there."""
    module = module_of(
        target,
        "import sys\nme = sys.modules[__name__]\nimport lazy\nv = lazy.value\n",
        lazy=(
            "import sys, types\nclass L(types.ModuleType):\n    value = 7\n"
            "sys.modules[__name__] = L(__name__)\n"
        ),
    )
    assert module.me is module
    assert module.v == 7


def test_modules_that_a_package_makes_itself(target: Path) -> None:
    """A module that packaged code puts into sys.modules below itself can be imported."""
    module = module_of(
        target,
        "import pkg\nfrom pkg.made import X\n",
        pkg=(
            "import sys, types\nmade = types.ModuleType(__name__ + '.made')\nmade.X = 5\n"
            "sys.modules[made.__name__] = made\n"
        ),
    )
    assert module.X == 5


def test_extensions_import_what_they_need(target: Path) -> None:
    """C code that packaged code calls imports undeclared modules of its own."""
    # time.strptime imports _strptime by PyImport_Import, with the caller's builtins.
    source = "import time, datetime\nt = datetime.datetime.strptime('2024-01-02', '%Y-%m-%d')\n"
    assert module_of(target, source).t.day == 2


def test_extern_below_a_packaged_parent(target: Path) -> None:
    """A module below a packaged one can be extern."""
    with PackageExporter(target) as exporter:
        exporter.save_source_string("xml", "MINE = True\n", is_package=True)
        exporter.save_source_string("pytest_like", "", is_package=True)
        exporter.extern("cloudpickle.cloudpickle")
        exporter.save_source_string("cloudpickle", "MINE = True\n", is_package=True)
        exporter.save_source_string(
            "m", "import cloudpickle\nfrom cloudpickle import cloudpickle as real\n"
        )
    with PackageImporter(target) as importer:
        import cloudpickle.cloudpickle as host  # noqa: PLC0415

        module = importer.import_module("m")
        assert module.cloudpickle.MINE
        assert module.real is host


def test_reload(target: Path) -> None:
    """A packaged module can be reloaded."""
    import importlib  # noqa: PLC0415

    module = module_of(target, "X = []\n")
    first = module.X
    assert importlib.reload(module) is module
    assert module.X is not first
