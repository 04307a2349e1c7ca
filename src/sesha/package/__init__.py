"""Packages: one file that holds a model's Python code and its data.

The names are those of torch.package, so that code moves over by changing an import. Importing this
imports nothing else: names are loaded when they are first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sesha.package.actions import EmptyMatchError as EmptyMatchError
    from sesha.package.actions import PackagingError as PackagingError
    from sesha.package.actions import PackagingErrorReason as PackagingErrorReason
    from sesha.package.conversion import convert as convert
    from sesha.package.errors import HermeticError as HermeticError
    from sesha.package.errors import PackageError as PackageError
    from sesha.package.errors import PackError as PackError
    from sesha.package.errors import SelfTestError as SelfTestError
    from sesha.package.exporter import PackageExporter as PackageExporter
    from sesha.package.importer import PackageImporter as PackageImporter
    from sesha.package.importer import is_from_package as is_from_package
    from sesha.package.importers import Importer as Importer
    from sesha.package.importers import ObjMismatchError as ObjMismatchError
    from sesha.package.importers import ObjNotFoundError as ObjNotFoundError
    from sesha.package.importers import OrderedImporter as OrderedImporter
    from sesha.package.importers import sys_importer as sys_importer
    from sesha.package.packing import pack as pack
    from sesha.package.patterns import GlobGroup as GlobGroup
    from sesha.package.structure import Directory as Directory

_HOMES = {
    "Directory": "structure",
    "EmptyMatchError": "actions",
    "GlobGroup": "patterns",
    "HermeticError": "errors",
    "Importer": "importers",
    "ObjMismatchError": "importers",
    "ObjNotFoundError": "importers",
    "OrderedImporter": "importers",
    "PackError": "errors",
    "PackageError": "errors",
    "PackageExporter": "exporter",
    "PackageImporter": "importer",
    "PackagingError": "actions",
    "PackagingErrorReason": "actions",
    "SelfTestError": "errors",
    "convert": "conversion",
    "is_from_package": "importer",
    "pack": "packing",
    "sys_importer": "importers",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'sesha.package' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"sesha.package.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
