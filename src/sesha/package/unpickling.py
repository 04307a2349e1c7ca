"""Loading pickles of a package: globals come from the package, tensors from their own members."""

from __future__ import annotations

import builtins
import io
import pickle
import sys
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from sesha.package.errors import PickleError
from sesha.package.importers import getattr_path
from sesha.package.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Callable

    from sesha.package.importer import PackageImporter

__all__ = ["Unpickler", "load"]


def load(
    data: bytes, importer: PackageImporter, read_tensor: Callable[[Any], Any], map_location: Any
) -> Any:
    """Unpickles an object of a package written by `pickles.dump`.

    Args:
        data: The pickle.
        importer: The opened package.
        read_tensor: Gives the tensor or array of a reference.
        map_location: As `torch.load` has it.

    Raises:
        HermeticError: The pickle refers to a module that is neither packaged nor extern.
        PickleError: It refers to something that isn't there, or is damaged.
    """
    unpickler = Unpickler(data, importer)
    unpickler.read_tensor = read_tensor
    unpickler.placement = Placement(map_location)
    try:
        return unpickler.load()
    except (pickle.UnpicklingError, EOFError) as error:
        raise PickleError(f"a pickle of {importer.label} is damaged: {error}") from error


class Unpickler(pickle.Unpickler):
    """Unpickles within one opened package. Used once, by one thread."""

    read_tensor: Callable[[Any], Any]
    placement: Placement

    def __init__(self, data: bytes, importer: PackageImporter) -> None:
        super().__init__(io.BytesIO(data))
        self._importer = importer
        self._kept: dict[int, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        """The global of a name, from the package or a declared extern."""
        if module == "cloudpickle.cloudpickle" and name == "_make_function":
            return self._make_function
        found = self._importer.import_for_pickle(module)
        try:
            return getattr_path(found, name)
        except AttributeError:
            raise PickleError(
                f"a pickle of {self._importer.label} refers to {module}.{name}, which isn't there; "
                "the module is another version than the one it was written with"
            ) from None

    def persistent_load(self, identifier: Any) -> Any:
        """The object that a persistent id stands for; see `pickles`."""
        if not isinstance(identifier, tuple) or len(identifier) < 3:  # noqa: PLR2004 - kind, number, rest
            raise PickleError(f"a pickle of {self._importer.label} has a malformed persistent id")
        number = identifier[1]
        if number not in self._kept:
            self._kept[number] = self._make(identifier)
        return self._kept[number]

    def _make(self, identifier: tuple[Any, ...]) -> Any:
        match identifier:
            case ("array", _, reference):
                return self.read_tensor(reference)
            case ("tensor", _, reference, location, requires_grad):
                tensor = self.placement.tensor(self.read_tensor(reference), location)
                return tensor.requires_grad_() if requires_grad else tensor
            case ("parameter", _, reference, location, requires_grad):
                torch = sys.modules["torch"]
                tensor = self.placement.tensor(self.read_tensor(reference), location)
                return torch.nn.Parameter(tensor, requires_grad)
            case ("storage", _, reference, location, dtype):
                return self._storage(self.read_tensor(reference), location, dtype)
            case ("reduce_package", _, function, arguments):
                return function(self._importer, *arguments)
            case ("script_module", _, member):
                return self._script_module(member)
        raise PickleError(
            f"a pickle of {self._importer.label} has a persistent id of kind {identifier[0]!r}, "
            "which this sesha does not know; install a newer one"
        )

    def _storage(self, content: Any, location: str, dtype: str) -> Any:
        torch = sys.modules["torch"]
        storage = self.placement.storage(content.untyped_storage(), location)
        if not dtype:
            return storage
        return torch.storage.TypedStorage(
            wrap_storage=storage, dtype=getattr(torch, dtype), _internal=True
        )

    def _script_module(self, member: str) -> Any:
        import torch

        data = io.BytesIO(self._importer.read_member(member))
        return torch.jit.load(  # type: ignore[no-untyped-call]  # torch's
            data, map_location=self.placement.device()
        )

    def _make_function(
        self,
        code: CodeType,
        variables: dict[str, Any],
        name: str,
        defaults: tuple[Any, ...] | None,
        closure: tuple[Any, ...] | None,
    ) -> FunctionType:
        # cloudpickle's own gives the function this process's builtins, and with them imports that
        # reach outside the package.
        variables["__builtins__"] = self._importer.builtins or builtins.__dict__
        return FunctionType(code, variables, name, defaults, closure)
