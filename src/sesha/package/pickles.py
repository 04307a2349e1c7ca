"""Writing pickles for a package: tensors and arrays taken out, names checked.

The pickler is cloudpickle's: what a module holds is written as its name; what no module holds
(``__main__``, notebooks, lambdas, closures) is written by value. Persistent ids stand for what is
kept beside the pickle; each is a tuple that begins with a kind and a number, and within one pickle
equal numbers are one object:

=====================================================  ============================================
``("array", n, reference)``                            a `numpy.ndarray`
``("tensor", n, reference, location, grad)``           a `torch.Tensor`; grad: requires_grad
``("parameter", n, reference, location, grad)``        a `torch.nn.Parameter`
``("storage", n, reference, location, dtype)``         a `torch.TypedStorage`; reference: its bytes
``("reduce_package", n, function, arguments)``         ``function(importer, *arguments)``
``("script_module", n, member)``                       a `torch.jit.ScriptModule`
=====================================================  ============================================
"""

from __future__ import annotations

import dis
import importlib
import io
import pickle
import pickletools
import sys
from dataclasses import dataclass
from types import CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import cloudpickle

from sesha.package.errors import PickleError
from sesha.package.importers import Importer, sys_importer
from sesha.package.mangling import demangle, is_mangled
from sesha.package.opcodes import ReachedGlobal, scan_opcodes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["Pickled", "TakesTensors", "dump"]


class TakesTensors(Protocol):
    """Where tensors go that are taken out of pickles."""

    def add(self, tensor: Any, hint: str) -> Any:
        """Keeps a tensor or array; gives what finds it again, made of plain values."""


class PackagesItself(Protocol):
    """What the pickler asks of an exporter."""

    def reduce_package(self, obj: Any) -> tuple[Any, ...]:
        """``(function, arguments)`` of an object that has ``__reduce_package__``."""

    def save_script_module(self, module: Any) -> str:
        """Keeps a ScriptModule; gives the name of its member."""


@dataclass(frozen=True)
class Pickled:
    """A pickle and what it needs.

    Attributes:
        data: The pickle.
        globals: The globals that it refers to, in the order of the pickle, each once.
        modules: Modules that are values in it, or imported by functions written by value.
    """

    data: bytes
    globals: tuple[ReachedGlobal, ...]
    modules: tuple[str, ...]


def dump(
    obj: Any,
    *,
    tensors: TakesTensors,
    exporter: PackagesItself,
    importer: Importer = sys_importer,
    protocol: int = 5,
) -> Pickled:
    """Pickles an object for a package.

    Args:
        obj: What is pickled.
        tensors: Where its tensors and arrays go.
        exporter: Where objects go that package themselves.
        importer: Where its globals are looked up; names that only an opened package has are
            written without that package's prefix.
        protocol: 3, 4 or 5.

    Raises:
        PickleError: It can't be pickled; the text says what and why.
        ObjMismatchError: A name in it means another object to `importer`.
        ObjNotFoundError: A name in it is unknown to `importer`.
    """
    buffer = io.BytesIO()
    pickler = _Pickler(buffer, protocol, tensors, exporter, _hints(obj))
    try:
        pickler.dump(obj)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        raise PickleError(f"a {type(obj).__qualname__} can't be pickled: {error}") from error
    data = buffer.getvalue()
    found = _reached(data)
    if importer is not sys_importer or any(is_mangled(each.module) for each in found):
        _check_names(found, importer)
        data = _demangled(data)
        found = _reached(data)
    return Pickled(data, found, tuple(dict.fromkeys(map(demangle, pickler.modules))))


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]
    def __init__(
        self,
        file: io.BytesIO,
        protocol: int,
        tensors: TakesTensors,
        exporter: PackagesItself,
        hints: Mapping[int, str],
    ) -> None:
        super().__init__(file, protocol=protocol)
        self.modules: list[str] = []
        self._tensors = tensors
        self._exporter = exporter
        self._hints = hints
        # By identity; each value keeps its object alive, or another could get its address.
        self._kept: dict[int, tuple[Any, tuple[Any, ...]]] = {}

    def persistent_id(self, obj: Any) -> tuple[Any, ...] | None:
        """What stands for an object that is kept beside the pickle, None for others."""
        kind = type(obj)
        if kind in _PLAIN:
            return None
        known = self._kept.get(id(obj))
        if known is not None:
            return known[1]
        taken = self._take_out(obj, kind)
        if taken is None:
            return None
        # The number goes in first: what is taken out may hold the object itself.
        identifier = (taken[0], len(self._kept), *taken[1:])
        self._kept[id(obj)] = (obj, identifier)
        return identifier

    def _take_out(self, obj: Any, kind: type) -> tuple[Any, ...] | None:
        numpy = sys.modules.get("numpy")
        if numpy is not None and kind is getattr(numpy, "ndarray", None):
            if obj.dtype.hasobject:
                return None
            return ("array", self._tensors.add(obj, self._hint(obj)))
        torch = sys.modules.get("torch")
        if torch is not None and hasattr(torch, "Tensor"):
            if (taken := self._take_tensor(obj, kind, torch)) is not None:
                return taken
            if isinstance(obj, torch.jit.ScriptModule):
                return ("script_module", self._exporter.save_script_module(obj))
        if not isinstance(obj, type) and hasattr(kind, "__reduce_package__"):
            return ("reduce_package", *self._exporter.reduce_package(obj))
        return None

    def _take_tensor(self, obj: Any, kind: type, torch: Any) -> tuple[Any, ...] | None:
        if kind is torch.Tensor or kind is torch.nn.Parameter:
            if not _is_plain(obj, torch):
                # Its own __reduce_ex__ keeps all of it, and comes back here with its storage.
                return None
            name = "tensor" if kind is torch.Tensor else "parameter"
            data = obj.detach()
            reference = self._tensors.add(data, self._hint(obj))
            return (name, reference, str(obj.device), obj.requires_grad)
        if isinstance(obj, torch.storage.TypedStorage):
            return self._take_storage(obj._untyped_storage, obj.dtype, torch)  # noqa: SLF001
        if kind is torch.UntypedStorage:
            return self._take_storage(obj, None, torch)
        return None

    def _take_storage(self, storage: Any, dtype: Any, torch: Any) -> tuple[Any, ...]:
        content = torch.empty(0, dtype=torch.uint8, device=storage.device)
        content.set_(storage, 0, (storage.nbytes(),), (1,))
        reference = self._tensors.add(content, "storage")
        name = "" if dtype is None else str(dtype).removeprefix("torch.")
        return ("storage", reference, str(storage.device), name)

    def _hint(self, obj: Any) -> str:
        return self._hints.get(id(obj), "")

    def reducer_override(self, obj: Any) -> Any:
        """Writes modules by name, and notes what functions written by value import."""
        if isinstance(obj, ModuleType):
            name = obj.__name__
            if is_mangled(name) or name in sys.modules:
                self.modules.append(name)
                return importlib.import_module, (demangle(name),)
        reduced = super().reducer_override(obj)
        if reduced is not NotImplemented and isinstance(obj, FunctionType):
            self.modules.extend(_imports_of(obj.__code__))
        return reduced


_PLAIN = frozenset(
    {type(None), bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, type}
)


def _is_plain(tensor: Any, torch: Any) -> bool:
    """Whether a tensor is its storage, shape, strides and flag, and nothing else."""
    return bool(
        tensor.layout is torch.strided
        and not tensor.is_quantized
        and not tensor.is_conj()
        and not tensor.is_neg()
        and tensor.device.type not in {"meta", "xla", "mtia"}
        and not tensor.__dict__
        and not tensor._backward_hooks  # noqa: SLF001 - what torch's own __reduce_ex__ looks at
    )


def _hints(obj: Any) -> dict[int, str]:
    """Names for the tensors of a `torch.nn.Module`, so that other readers find them by those."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "nn") or not isinstance(obj, torch.nn.Module):
        return {}
    try:
        named = [*obj.named_parameters(), *obj.named_buffers()]
    except Exception:  # noqa: BLE001 - the user's own code; the names are for reading only
        return {}
    return {id(tensor): name for name, tensor in reversed(named)}


def _imports_of(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "IMPORT_NAME" and instruction.argval:
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _imports_of(constant)


def _reached(data: bytes) -> tuple[ReachedGlobal, ...]:
    scan = scan_opcodes(data)
    if scan.computed:
        raise PickleError(
            f"at byte {scan.computed[0]} the pickle computes the name of a global; no pickler "
            "writes that, so what it reaches can't be told"
        )
    # Modules that are values are told by the pickler.
    return tuple(each for each in scan.globals if each.name)


def _check_names(found: Iterable[ReachedGlobal], importer: Importer) -> None:
    for each in found:
        if is_mangled(each.module):
            obj = _resolve(sys_importer.import_module, each)
            importer.get_name(obj, each.name)
        elif importer is not sys_importer:
            obj = _resolve(sys_importer.import_module, each)
            if isinstance(obj, type) or callable(obj):
                importer.get_name(obj, each.name)


def _resolve(import_module: Callable[[str], Any], each: ReachedGlobal) -> Any:
    found = import_module(each.module)
    for part in each.name.split("."):
        found = getattr(found, part)
    return found


def _demangled(data: bytes) -> bytes:
    """The pickle with the names of opened packages' modules as those packages have them."""
    out = bytearray()
    operations = list(pickletools.genops(data))
    ends = [position for _, _, position in operations[1:]] + [len(data)]
    for (opcode, argument, position), end in zip(operations, ends, strict=True):
        if opcode.name == "FRAME":
            # Optional, and their sizes are no longer right.
            continue
        if "UNICODE" in opcode.name and isinstance(argument, str) and is_mangled(argument):
            text = demangle(argument).encode("utf-8", "surrogatepass")
            out += b"X" + len(text).to_bytes(4, "little") + text
        elif opcode.name == "GLOBAL" and is_mangled(str(argument).partition(" ")[0]):
            module, _, name = str(argument).partition(" ")
            out += b"c" + demangle(module).encode() + b"\n" + name.encode() + b"\n"
        else:
            out += data[position:end]
    return bytes(out)
