"""Writes packages: the vocabulary of torch.package, with a default for what no pattern is for."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import sesha.package.pickles as pickling
from sesha.package import assembly, mangling
from sesha.package.actions import Action, Node, PackagingError, PackagingErrorReason, broken
from sesha.package.collecting import Collector
from sesha.package.contents import Contents, member_of
from sesha.package.errors import PackageError, PickleError
from sesha.package.importers import Importer, OrderedImporter, sys_importer
from sesha.package.manifest import Manifest, Module, SelfTest
from sesha.package.queries import DependencyQueries
from sesha.package.rules import ModuleRules
from sesha.package.tensor_writer import TensorWriter
from sesha.package.writer import ContainerWriter

if TYPE_CHECKING:
    from types import TracebackType

    from sesha.package.graph import DependencyGraph
    from sesha.package.importers import Located
    from sesha.package.patterns import GlobPattern

__all__ = ["PackageExporter", "default_name"]


class PackageExporter(ModuleRules, DependencyQueries):
    """Writes a package of modules, pickled objects and resources. Used by one thread.

    A context manager: left without an exception it writes the package, left with one it leaves the
    target as it was.

    A module that code or a pickle needs is interned (its source goes in), extern (it is imported
    from the environment that loads the package), mocked (an empty stand-in) or denied (an error).
    The first pattern that matches decides. For what no pattern matches: modules of installed
    distributions are extern and locked, all other source is interned; with `strict=True` it is an
    error. Always extern are the standard library, torch, and what packages are loaded with.

    Args:
        f: A path, or a binary file that the package is written to at the end.
        importer: Where modules and the names of objects are looked up: one importer, or several
            that are asked in order. To package objects that came from a package, list its importer
            first.
        debug: Whether errors list every chain that leads to a module, not only the first.
        strict: Whether no action is taken by default, as in torch.package.
        name: Name of the package; by default that of the file.
        version: Its version.
        progress: Called with the number of bytes just written.

    Raises:
        OSError: The target can't be written.
    """

    def __init__(  # noqa: PLR0913 - torch.package's three, and those that have defaults
        self,
        f: str | os.PathLike[str] | BinaryIO,
        importer: Importer | Sequence[Importer] = sys_importer,
        debug: bool = False,  # noqa: FBT001, FBT002 - torch.package has it so
        *,
        strict: bool = False,
        name: str | None = None,
        version: str = "0",
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.debug = debug
        self.importer: Importer
        if isinstance(importer, Importer):
            self.importer = importer
        elif isinstance(importer, Sequence):
            self.importer = OrderedImporter(*importer)
        else:
            raise TypeError(f"importer is {importer!r}; it is an Importer or a sequence of them")
        super().__init__(Collector(self.importer, strict=strict))
        self.name = name or default_name(f)
        self.version = version
        self._buffer: BinaryIO | None = None
        self._folder: str | None = None
        if isinstance(f, str | os.PathLike):
            path = Path(f)
        else:
            self._buffer = f
            self._folder = tempfile.mkdtemp(prefix="sesha-")
            path = Path(self._folder, "package.sesha")
        self._writer = ContainerWriter(path, progress=progress)
        self._path = path
        self._tensors = TensorWriter(self._writer)
        self._contents = Contents(self._writer)
        self._unique_id = 0
        self._reduced: dict[int, tuple[Any, tuple[Any, ...]]] = {}
        self._closed = False

    # What goes in.

    def save_pickle(
        self,
        package: str,
        resource: str,
        obj: Any,
        dependencies: bool = True,  # noqa: FBT001, FBT002 - torch.package has it so
        pickle_protocol: int = 5,
    ) -> None:
        """Saves an object; its tensors and arrays go to a safetensors member beside it.

        What changes in the object afterwards does not change the package. Functions and classes
        that no module holds (of ``__main__`` or a notebook, lambdas, closures) are saved by value.

        Args:
            package: The package that the resource lies in, such as ``"my_package.models"``.
            resource: Its name there, such as ``"model.pkl"``.
            obj: What is saved.
            dependencies: Whether the modules that it needs are added too.
            pickle_protocol: 3, 4 or 5.

        Raises:
            PickleError: It can't be pickled, or objects in it come from elsewhere than `importer`.
            ValueError: The protocol is another, or the resource no plain file name.
        """
        if pickle_protocol not in {3, 4, 5}:
            raise ValueError(f"pickle_protocol is {pickle_protocol}; it is 3, 4 or 5")
        member = member_of(package, resource)
        node = f"<{package}.{resource}>"
        try:
            with self._tensors.group(f"{member}.safetensors") as tensors:
                pickled = pickling.dump(
                    obj,
                    tensors=tensors,
                    exporter=self,
                    importer=self.importer,
                    protocol=pickle_protocol,
                )
        except PickleError as error:
            raise PickleError(f"{node}: {error}") from error.__cause__
        self._collector.add_pickle(node)
        if dependencies:
            self._add_needs(node, pickled)
        self._contents.add(member, pickled.data, "pickle")

    def save_module(
        self,
        module_name: str,
        dependencies: bool = True,  # noqa: FBT001, FBT002 - torch.package has it so
    ) -> None:
        """Saves a module's source, whatever the patterns say.

        Raises:
            TypeError: `module_name` is no string.
            ModuleNotFoundError: There is no such module.
        """
        if not isinstance(module_name, str):
            raise TypeError("module_name is not a string; did you mean to pass `__name__`?")
        self._collector.add_module(module_name, follow=dependencies)

    def save_source_file(
        self,
        module_name: str,
        file_or_directory: str | os.PathLike[str],
        dependencies: bool = True,  # noqa: FBT001, FBT002 - torch.package has it so
    ) -> None:
        """Saves a file, or all ``.py`` files of a folder, as a module or package.

        Raises:
            OSError: A file can't be read.
        """
        path = Path(file_or_directory)
        if not path.is_dir():
            self.save_source_string(
                module_name, _read_source(path), path.name == "__init__.py", dependencies
            )
            return
        found = []
        for file in sorted(path.rglob("*.py")):
            parts = file.relative_to(path).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            name = ".".join([module_name, *(parts[:-1] if is_package else parts)])
            found.append((name, _read_source(file), is_package))
        # All first: the imports among them must not be looked up elsewhere.
        for name, source, is_package in found:
            self._collector.add_source(name, source, is_package=is_package, follow=False)
        for name, source, is_package in found:
            self._collector.add_source(name, source, is_package=is_package, follow=dependencies)

    def save_source_string(
        self,
        module_name: str,
        src: str,
        is_package: bool = False,  # noqa: FBT001, FBT002 - torch.package has it so
        dependencies: bool = True,  # noqa: FBT001, FBT002
    ) -> None:
        """Saves source as a module.

        Args:
            module_name: Absolute name, such as ``"my_package.models"``.
            src: Its source.
            is_package: Whether it can hold submodules and resources.
            dependencies: Whether the modules that it imports are added too.
        """
        name = mangling.demangle(module_name)
        self._collector.add_source(name, src, is_package=is_package, follow=dependencies)

    def save_text(self, package: str, resource: str, text: str) -> None:
        """Saves a text resource, as UTF-8."""
        self._contents.add(member_of(package, resource), text.encode(), "text")

    def save_binary(self, package: str, resource: str, binary: bytes) -> None:
        """Saves a resource of bytes."""
        self._contents.add(member_of(package, resource), binary, "binary")

    def include_data(self, globs: GlobPattern) -> None:
        """Has files beside the modules that go in be saved as resources, in `close`.

        Packaged code finds them with `importlib.resources` and `pkgutil.get_data`, and with
        ``open`` beside its ``__file__``.

        Args:
            globs: Globs over paths as they are in the package, such as ``"shop/lists/*.txt"``;
                see `datafiles.find`.
        """
        self._contents.data += [globs] if isinstance(globs, str) else globs

    def add_dependency(
        self,
        module_name: str,
        dependencies: bool = True,  # noqa: FBT001, FBT002 - torch.package has it so
    ) -> None:
        """Adds a module as if packaged code had imported it: the patterns decide what is done."""
        self._collector.need(None, module_name, follow=dependencies)

    def add_seen_import(self, importer: str, module: str, members: Sequence[str] = ()) -> None:
        """Adds an import that a run has shown (`tracing.observe`).

        Args:
            importer: The module or pickle whose code asked for it.
            module: What it asked for.
            members: What it took from there: objects, or modules below.
        """
        self._collector.need_seen(importer, module, members)

    def add_entry_point(self, name: str, package: str, resource: str) -> None:
        """Names a saved object, so that it is found without knowing where it lies."""
        self._contents.add_entry_point(name, package, resource)

    def set_self_test(
        self, entry_point: str, package: str, inputs: str, outputs: str, tolerance: str = "0"
    ) -> None:
        """Names the saved example: two pickles of `package`, for an entry point."""
        self._contents.self_test = SelfTest(
            entry_point, member_of(package, inputs), member_of(package, outputs), tolerance
        )

    # What is known.

    @property
    def dependency_graph(self) -> DependencyGraph[Node]:
        """What needs what, so far."""
        return self._collector.graph

    def located_modules(self) -> list[Located]:
        """Where the modules that go in come from, as far as the importer knows."""
        found = (self.importer.locate(name) for name in self.interned_modules())
        return [located for located in found if located is not None]

    def get_unique_id(self) -> str:
        """A number, as text, that is given out once for this package."""
        number = self._unique_id
        self._unique_id += 1
        return str(number)

    def check(self) -> None:
        """Raises what `close` would: all problems that are known so far.

        Raises:
            PackagingError: Dependencies can't be packaged; names each of them and what to add.
            EmptyMatchError: A pattern that must match something has not.
        """
        self._collector.finish()
        if broken(self.dependency_graph):
            raise PackagingError(self.dependency_graph, debug=self.debug)

    def close(self) -> Manifest:
        """Writes the package to its target. Nothing can be added after it.

        Returns:
            The manifest as written.

        Raises:
            PackagingError: Dependencies can't be packaged; names each of them and what to add.
            EmptyMatchError: A pattern that must match something has not, or a glob of data.
            OSError: It can't be written; the target is as it was.
        """
        if self._closed:
            raise PackageError("this package is closed already")
        try:
            self.check()
            self._hooks.call(self)
            self.check()
            self._contents.add_data(self.located_modules())
            modules = assembly.write_modules(self.dependency_graph, self._writer)
            manifest = self._writer.finish(self._manifest(modules))
            if self._buffer is not None:
                with self._path.open("rb") as file:
                    shutil.copyfileobj(file, self._buffer, 1 << 20)
                self._buffer.flush()
        finally:
            self.discard()
        return manifest

    def discard(self) -> None:
        """Ends the writing; the target stays as it was unless `close` has returned."""
        self._closed = True
        self._writer.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self.discard()
        elif not self._closed:
            self.close()

    # What the pickler asks for (`pickles.PackagesItself`).

    def reduce_package(self, obj: Any) -> tuple[Any, ...]:
        """``(function, arguments)`` of an object that has ``__reduce_package__``; asked once."""
        if id(obj) not in self._reduced:
            self._reduced[id(obj)] = (obj, tuple(obj.__reduce_package__(self)))
        return self._reduced[id(obj)][1]

    def save_script_module(self, module: Any) -> str:
        """Keeps a `torch.jit.ScriptModule` as a member; gives the member's name."""
        return self._contents.add_script_module(module)

    def _add_needs(self, node: str, pickled: pickling.Pickled) -> None:
        mocked: dict[str, list[str]] = {}
        for found in pickled.globals:
            if self._collector.action_by_pattern(found.module) is Action.MOCK:
                mocked.setdefault(found.module, []).append(found.name)
            self._collector.need(node, found.module)
        for name in pickled.modules:
            self._collector.need(node, name)
        for name, fields in mocked.items():
            self._collector.error(
                name,
                PackagingErrorReason.MOCKED_BUT_STILL_USED,
                f"{node} has {', '.join(fields)}",
            )

    def _manifest(self, modules: list[Module]) -> Manifest:
        return Manifest(
            name=self.name,
            version=self.version,
            python=assembly.python_range(self.dependency_graph),
            entry_points=self._contents.entry_points,
            modules=tuple(modules),
            externs=assembly.externs(self._collector),
            mocks=tuple(self.mocked_modules()),
            resources=self._contents.resources,
            self_test=self._contents.self_test,
            provenance=assembly.provenance(),
        )


def _read_source(path: Path) -> str:
    return importlib.util.decode_source(path.read_bytes())


def default_name(f: str | os.PathLike[str] | BinaryIO) -> str:
    """The name of a package after the file that it goes to."""
    given = f if isinstance(f, str | os.PathLike) else getattr(f, "name", None)
    stem = Path(given).stem if isinstance(given, str | os.PathLike) else ""
    name = re.sub(r"[^A-Za-z0-9._+!-]", "-", stem).strip("-._+!")
    return name or "package"
