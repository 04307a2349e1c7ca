"""Opens packages and loads what is in them."""

from __future__ import annotations

import inspect
import os
import sys
import sysconfig
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sesha.package import distributions, finder, mangling
from sesha.package.archives import Archive, Source, open_archive
from sesha.package.closing import Closing
from sesha.package.errors import (
    EnvironmentMismatchError,
    HermeticError,
    MemberMissingError,
    PackageError,
)
from sesha.package.hermetic import PackageLoader
from sesha.package.importers import Importer, Located

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sesha.package.manifest import Manifest
    from sesha.package.patterns import GlobPattern
    from sesha.package.structure import Directory

__all__ = ["PackageImporter", "is_from_package"]


class PackageImporter(Importer, Closing):
    """An opened package: imports its modules, loads its objects.

    Packaged code sees the package's own modules, the declared externs and the standard library,
    nothing else. Its modules stand in ``sys.modules`` under names that begin with `prefix`, so two
    packages with modules of the same name don't meet, and pickle, copy, inspect, debuggers and
    torch.compile treat their objects like any others in this process.

    The modules stay until `close`. All methods may be called from several threads.

    Args:
        file_or_buffer: A path of a file or of the folder that one was unpacked to, a buffer with a
            file's bytes, or a binary file. Archives of torch.package 2.x are read too.
        module_allowed: Says of each extern of the package whether it may be used here.
        check: Which differences of this environment are errors: ``"versions"`` (Python, platform
            and the externs' distributions with their versions), ``"files"`` (also the installed
            files of those distributions), ``"none"``.

    Raises:
        HermeticError: `module_allowed` refuses an extern.
        EnvironmentMismatchError: This Python or platform is not one that the package runs on.
        DependencyError: Distributions are missing or others; all of them are named, with the pip
            command that installs them.
        FormatError: The file is no package, or a damaged one.
        OSError: It can't be read.
    """

    def __init__(
        self,
        file_or_buffer: Source,
        module_allowed: Callable[[str], bool] = lambda module_name: True,  # noqa: ARG005 - the keyword's name is documented
        *,
        check: str = "versions",
    ) -> None:
        if check not in {"versions", "files", "none"}:
            raise ValueError(f"check is {check!r}; it is 'versions', 'files' or 'none'")
        self._archive: Archive = open_archive(file_or_buffer)
        self.filename = self._archive.location
        self.label = self._label()
        self.extern_modules = list(self._archive.externs.modules)
        self._externs = frozenset(self.extern_modules)
        # `import a.b` of an extern binds a, which is imported with it.
        self._extern_parents = frozenset(
            name[:end] for name in self._externs for end in range(len(name)) if name[end] == "."
        )
        for name in self.extern_modules:
            if not module_allowed(name):
                raise HermeticError(
                    f"{self.label} needs the external module {name!r}, which is not allowed here",
                    name=name,
                )
        if check != "none":
            self._check_environment(exact=check == "files")
        self.prefix = mangling.new_prefix()
        self.table = self._archive.modules
        self.location = _unique_location(self._archive.location, self.prefix)
        self._loader = PackageLoader(self)
        finder.register(self._loader)

    # What torch.package has.

    @property
    def modules(self) -> Mapping[str, Any]:
        """The modules of the package that are loaded, by their plain names."""
        found: dict[str, Any] = {"torch_package_importer": self}
        for name, module in sys.modules.copy().items():
            if mangling.prefix_of(name) == self.prefix and "." in name:
                found[mangling.demangle(name)] = module
        return found

    def import_module(self, name: str, package: str | None = None) -> ModuleType:
        """Imports a module of the package, or one of its externs.

        Args:
            name: Absolute name, plain or with the package's prefix, or a relative one.
            package: What a relative name is relative to.

        Raises:
            HermeticError: The module is neither packaged nor extern.
        """
        module: ModuleType = self._loader.import_for(name, package, inspect.currentframe())
        return module

    def load_pickle(self, package: str, resource: str, map_location: Any = None) -> Any:
        """Loads an object; modules that it needs are imported, tensors are mapped from the file.

        Args:
            package: Name of the package that the resource lies in.
            resource: Its name there.
            map_location: Where tensors go, as `torch.load` has it.

        Raises:
            MemberMissingError: There is no such resource.
            HermeticError: The pickle refers to a module that is neither packaged nor extern.
            PickleError: The pickle is damaged.
        """
        return self.load_member(self._member(package, resource), map_location)

    def load_text(
        self, package: str, resource: str, encoding: str = "utf-8", errors: str = "strict"
    ) -> str:
        """A text resource; `encoding` and `errors` as `bytes.decode` has them."""
        return self.load_binary(package, resource).decode(encoding, errors)

    def load_binary(self, package: str, resource: str) -> bytes:
        """The bytes of a resource; MemberMissingError if it isn't there."""
        return self.read_member(self._member(package, resource))

    def file_structure(
        self, *, include: GlobPattern = "**", exclude: GlobPattern = ()
    ) -> Directory:
        """The package's members as a tree; `include` and `exclude` are globs with slashes."""
        from sesha.package.structure import Directory

        return Directory.of(self.filename, self._archive.names, include, exclude)

    def python_version(self) -> str | None:
        """Version of the Python that wrote the package, None if it isn't noted."""
        return self._archive.python_version

    def get_source(self, module_name: str) -> str | None:
        """Source of a module, None for a folder of modules; HermeticError if it isn't packaged."""
        name = mangling.demangle(module_name)
        if name not in self.table:
            raise HermeticError(f"{self.label} has no module {name!r}", name=name)
        return self._loader.get_source(name)

    def get_resource_reader(self, fullname: str) -> Any:
        """What `importlib.resources` reads a package's files with."""
        return self._loader.get_resource_reader(fullname)

    def id(self) -> str:
        """What the names of this importer's modules begin with in ``sys.modules``."""
        return self.prefix

    # What goes on from there.

    @property
    def manifest(self) -> Manifest | None:
        """The manifest; None for an archive of torch.package."""
        return self._archive.manifest

    def load(self, name: str = "default", map_location: Any = None) -> Any:
        """Loads the object of an entry point.

        Raises:
            PackageError: There is no such entry point.
        """
        points = (
            {point.name: point for point in self.manifest.entry_points} if self.manifest else {}
        )
        if name not in points:
            raise PackageError(
                f"{self.label} has no entry point {name!r}; it has {sorted(points) or 'none'}"
            )
        return self.load_pickle(points[name].package, points[name].resource, map_location)

    def load_member(self, member: str, map_location: Any = None) -> Any:
        """Loads the object of a pickle by the name of its member; see `load_pickle`."""
        return self._archive.load_pickle(member, self, map_location)

    def read_member(self, member: str) -> bytes:
        """The bytes of a member; MemberMissingError if it isn't there."""
        return self._archive.read(member)

    def names(self) -> tuple[str, ...]:
        """The package's members."""
        return tuple(self._archive.names)

    def locate(self, module_name: str) -> Located | None:
        """See `Importer.locate`; nothing is executed."""
        name = mangling.demangle(module_name)
        if mangling.prefix_of(module_name) not in {None, self.prefix}:
            return None
        entry = self.table.get(name)
        if entry is None:
            return None
        origin = f"{self.location}/{entry.member}" if entry.member else None
        return Located(name, entry.is_package, self._loader.get_source(name), origin)

    def close(self) -> None:
        """Takes the package's modules out of ``sys.modules`` and lets go of the file.

        Objects that were loaded go on working, but can't be pickled any more, nor can they import
        more of the package.
        """
        finder.close(self._loader)
        self._archive.close()

    def __repr__(self) -> str:
        return f"<PackageImporter {self.prefix} of {self.filename}>"

    # What the import system and the unpickler ask for (`namespace.Namespace`).

    @property
    def importer(self) -> PackageImporter:
        """Itself: what packaged code gets for ``import sesha_package_importer``."""
        return self

    @property
    def builtins(self) -> dict[str, Any]:
        """The builtins of packaged code."""
        return self._loader.builtins

    def read_source(self, member: str) -> bytes:
        """Source of a module."""
        return self._archive.read(member)

    def is_extern(self, name: str) -> bool:
        """Whether packaged code may import a module of the outside."""
        if distributions.is_standard_library(name) or name in self._extern_parents:
            return True
        while name:
            if name in self._externs:
                return True
            name = name.rpartition(".")[0]
        return False

    def import_for_pickle(self, name: str) -> Any:
        """The module of a global in a pickle."""
        return self._loader.import_for(name, None, None)

    def resource_reader(self, name: str) -> Any:
        """See `namespace.Namespace`."""
        from sesha.package.resources import Reader

        return Reader(self._archive, name)

    def _member(self, package: str, resource: str) -> str:
        name = mangling.demangle(package)
        if "/" in resource or not resource:
            raise ValueError(f"resource {resource!r} must be a plain file name")
        member = f"{name.replace('.', '/')}/{resource}" if name else resource
        if member not in self._archive:
            raise MemberMissingError(f"{self.label} has no resource {resource!r} in {package!r}")
        return member

    def _label(self) -> str:
        manifest = self._archive.manifest
        name = f"{manifest.name} {manifest.version}, " if manifest else ""
        return f"the package {name}{self._archive.location}"

    def _check_environment(self, *, exact: bool) -> None:
        manifest = self._archive.manifest
        if manifest is None:
            return
        problems = []
        version = tuple(sys.version_info[:3])
        if version not in manifest.python:
            problems.append(
                f"it runs on Python {manifest.python}, this is {'.'.join(map(str, version))}"
            )
        platform = sysconfig.get_platform()
        if manifest.platforms and platform not in manifest.platforms:
            problems.append(f"it runs on {', '.join(manifest.platforms)}, this is {platform}")
        if problems:
            missing = distributions.report(self._archive.externs.distributions, exact=exact)
            text = "\n".join(f"  {problem}" for problem in [*problems, *missing])
            raise EnvironmentMismatchError(f"{self.label} can't be loaded here:\n{text}")
        distributions.check(self.label, self._archive.externs.distributions, exact=exact)


def is_from_package(obj: Any) -> bool:
    """Whether an object, or its class, or a module comes from an opened package."""
    if isinstance(obj, ModuleType):
        return mangling.is_mangled(obj.__name__)
    module = obj.__module__ if isinstance(obj, type) else type(obj).__module__
    return mangling.is_mangled(module) or mangling.is_mangled(
        str(getattr(obj, "__module__", None) or "")
    )


_locations: dict[str, str] = {}


def _unique_location(location: str, prefix: str) -> str:
    """Where a package's files seem to lie: tracebacks and coverage show it.

    Two packages that were opened at one path, one after the other was replaced, must not share
    their places in linecache. A folder's files are real ones, and stay.
    """
    if os.path.isdir(location):  # noqa: PTH112 - one check
        return location
    first = _locations.setdefault(location, prefix)
    return location if first == prefix else f"{location}#{prefix.rpartition('_')[2]}"
