import importlib
import os
import subprocess
import sys

import sesha.package


def test_every_public_name_is_there() -> None:
    """Each name that the package lists leads to something that is called so."""
    for name in sesha.package.__all__:
        found = getattr(sesha.package, name)
        assert getattr(found, "__name__", name) in {name, "sys_importer"}
    assert set(sesha.package.__all__) <= set(dir(sesha.package))


def test_names_of_torch_package_are_all_there() -> None:
    """What torch.package exports has the same name here, so that an import is all that changes."""
    names = [
        "Directory",
        "EmptyMatchError",
        "GlobGroup",
        "Importer",
        "ObjMismatchError",
        "ObjNotFoundError",
        "OrderedImporter",
        "PackageExporter",
        "PackageImporter",
        "PackagingError",
        "is_from_package",
        "sys_importer",
    ]
    assert set(names) <= set(sesha.package.__all__)
    analyze = importlib.import_module("sesha.package.analyze")
    for name in ("find_first_use_of_broken_modules", "is_from_package", "trace_dependencies"):
        assert callable(getattr(analyze, name))


def test_import_is_cheap() -> None:
    """Importing the package imports neither the runtime nor anything large."""
    code = (
        "import sys, sesha.package\n"
        "heavy = {'torch', 'numpy', 'cloudpickle', 'rich', 'zipfile', 'sesha._native', "
        "'sesha.runtime', 'sesha.package.exporter'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
