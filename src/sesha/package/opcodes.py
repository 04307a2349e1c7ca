"""What a pickle would import and call when it is loaded, read off its opcodes; nothing is executed.

The opcodes (`pickletools` has their table) run on a stack machine. Here it runs with stand-ins: a
global stands for itself, strings and tuples are kept, everything else is unknown. That is enough to
name each global however the stream arrives at its name, and to tell which of them are called.

Guaranteed: time and memory are linear in the pickle's size, whatever it says.
"""

import _compat_pickle
import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field

from sesha.package.errors import PickleError

__all__ = ["PickleScan", "ReachedGlobal", "scan_opcodes"]

# Before protocol 3 pickles name modules as Python 2 did, and the unpickler translates.
_TRANSLATED_BELOW = 3


@dataclass(frozen=True, order=True)
class ReachedGlobal:
    """A global that loading imports.

    Attributes:
        module: Module that is imported.
        name: Qualified name that is looked up in it.
            Empty where the module itself is the value: `importlib.import_module` with a literal.
        called: Whether it, or what it made, is called too.
        position: Byte of the first opcode that reaches it.
        literal: Whether it is a function that imports modules, and only ever called with a
            literal; the module is then listed as a global of its own.
    """

    module: str
    name: str
    called: bool = False
    position: int = 0
    literal: bool = False


@dataclass(frozen=True)
class PickleScan:
    """What is known of a pickle without loading it.

    Attributes:
        globals: The globals that it reaches, in the order of the stream, each once.
        computed: Bytes of opcodes that reach for a global or a callable whose name the stream
            computes. No pickler writes that.
        persistent: How many objects it takes from outside the stream.
        trailing: Bytes after its end, which no unpickler reads.
    """

    globals: tuple[ReachedGlobal, ...]
    computed: tuple[int, ...]
    persistent: int
    trailing: int


@dataclass
class _Global:
    """A global on the stack, or what calling it made."""

    module: str
    name: str
    position: int
    called: bool = False
    computes: bool = False


class _Unknown:
    """Any other value."""


class _Mark:
    """The bottom of a group of values."""


_UNKNOWN = _Unknown()
_MARK = _Mark()


@dataclass
class _Machine:
    stack: list[object] = field(default_factory=list)
    memo: dict[int, object] = field(default_factory=dict)
    globals: dict[tuple[str, str], _Global] = field(default_factory=dict)
    computed: list[int] = field(default_factory=list)
    persistent: int = 0
    protocol: int = 0

    def pop(self) -> object:
        if not self.stack:
            raise PickleError("it takes a value from an empty stack")
        return self.stack.pop()

    def pop_group(self) -> list[object]:
        group: list[object] = []
        while (value := self.pop()) is not _MARK:
            group.append(value)
        group.reverse()
        return group

    def reach(self, module: str, name: str, position: int) -> _Global:
        if self.protocol < _TRANSLATED_BELOW:
            module, name = _compat_pickle.NAME_MAPPING.get(
                (module, name), (_compat_pickle.IMPORT_MAPPING.get(module, module), name)
            )
        return self.globals.setdefault((module, name), _Global(module, name, position))

    def call(self, function: object, position: int, arguments: object = None) -> object:
        if isinstance(function, _Global):
            function.called = True
            if (function.module, function.name) in _IMPORTERS:
                if isinstance(arguments, tuple) and list(map(type, arguments)) == [str]:
                    return self.reach(arguments[0], "", position)
                function.computes = True
            return function
        self.computed.append(position)
        return _UNKNOWN

    def on_protocol(self, argument: object, _: int) -> None:
        self.protocol = int(str(argument))

    def on_constant(self, argument: object, _: int) -> None:
        self.stack.append(argument if isinstance(argument, str) else _UNKNOWN)

    def on_put(self, argument: object, _: int) -> None:
        if not self.stack:
            raise PickleError("it remembers the top of an empty stack")
        number = len(self.memo) if argument is None else int(str(argument))
        self.memo[number] = self.stack[-1]

    def on_get(self, argument: object, _: int) -> None:
        number = int(str(argument))
        if number not in self.memo:
            raise PickleError(f"it recalls value {number}, which it never remembered")
        self.stack.append(self.memo[number])

    def on_global(self, argument: object, position: int) -> None:
        module, _, name = str(argument).partition(" ")
        self.stack.append(self.reach(module, name, position))

    def on_stack_global(self, _: object, position: int) -> None:
        name, module = self.pop(), self.pop()
        if isinstance(module, str) and isinstance(name, str):
            self.stack.append(self.reach(module, name, position))
        else:
            self.computed.append(position)
            self.stack.append(_UNKNOWN)

    def on_inst(self, argument: object, position: int) -> None:
        self.pop_group()
        module, _, name = str(argument).partition(" ")
        self.stack.append(self.call(self.reach(module, name, position), position))

    def on_obj(self, _: object, position: int) -> None:
        group = self.pop_group()
        if not group:
            raise PickleError("it makes an object of no class")
        self.stack.append(self.call(group[0], position))

    def on_reduce(self, _: object, position: int) -> None:
        arguments = self.pop()
        self.stack.append(self.call(self.pop(), position, arguments))

    def on_newobj_ex(self, _: object, position: int) -> None:
        self.pop()
        self.on_reduce(None, position)

    def on_build(self, _: object, __: int) -> None:
        # The object stays; its class was called already.
        self.pop()
        if not self.stack:
            raise PickleError("it gives a state to no object")

    def on_extension(self, _: object, position: int) -> None:
        # A number of copyreg's registry, which another process filled or not.
        self.computed.append(position)
        self.stack.append(_UNKNOWN)

    def on_persistent(self, argument: object, _: int) -> None:
        identifier = self.pop() if argument is None else argument
        if isinstance(identifier, tuple):
            for part in identifier:
                if isinstance(part, _Global):
                    part.called = True
        self.persistent += 1
        self.stack.append(_UNKNOWN)

    def on_tuple(self, count: int) -> None:
        if count > len(self.stack):
            raise PickleError("it takes a value from an empty stack")
        parts = tuple(self.stack[len(self.stack) - count :]) if count else ()
        del self.stack[len(self.stack) - count :]
        self.stack.append(parts)

    def on_dup(self, _: object, __: int) -> None:
        self.stack.append(self.pop())
        self.stack.append(self.stack[-1])


# Functions that import the module that they are given the name of.
_IMPORTERS = frozenset(
    {("importlib", "import_module"), ("builtins", "__import__")}
    | {("cloudpickle.cloudpickle", "subimport")}
)
_Handler = Callable[[_Machine, object, int], object]


def _by_table(info: pickletools.OpcodeInfo) -> _Handler:
    """An opcode of no interest here: takes and leaves as many values as its table says."""
    # What fills a container or an object leaves it where it was; its kind is unknown by now.
    left = [_UNKNOWN] * len(info.stack_after)
    if not info.stack_before:
        return lambda machine, _, __: machine.stack.extend(left)

    def handle(machine: _Machine, _: object, __: int) -> None:
        for kind in reversed(info.stack_before):
            if kind is pickletools.stackslice:
                # The mark goes with its group.
                machine.pop_group()
                break
            machine.pop()
        machine.stack.extend(left)

    return handle


_CONSTANTS = (
    *("STRING", "BINSTRING", "SHORT_BINSTRING"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
)
_PUTS = ("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT")
_GETS = ("GET", "BINGET", "LONG_BINGET")
_HANDLERS: dict[str, _Handler] = {
    **{opcode.name: _by_table(opcode) for opcode in pickletools.opcodes},
    **dict.fromkeys(_CONSTANTS, _Machine.on_constant),
    **dict.fromkeys(_PUTS, _Machine.on_put),
    **dict.fromkeys(_GETS, _Machine.on_get),
    "PROTO": _Machine.on_protocol,
    "MARK": lambda machine, _, __: machine.stack.append(_MARK),
    "POP": lambda machine, _, __: machine.pop(),
    "POP_MARK": lambda machine, _, __: machine.pop_group(),
    "DUP": _Machine.on_dup,
    "GLOBAL": _Machine.on_global,
    "STACK_GLOBAL": _Machine.on_stack_global,
    "INST": _Machine.on_inst,
    "OBJ": _Machine.on_obj,
    "REDUCE": _Machine.on_reduce,
    "NEWOBJ": _Machine.on_reduce,
    "NEWOBJ_EX": _Machine.on_newobj_ex,
    "BUILD": _Machine.on_build,
    "EXT1": _Machine.on_extension,
    "EXT2": _Machine.on_extension,
    "EXT4": _Machine.on_extension,
    "PERSID": _Machine.on_persistent,
    "BINPERSID": _Machine.on_persistent,
    "TUPLE": lambda machine, _, __: machine.stack.append(tuple(machine.pop_group())),
    "EMPTY_TUPLE": lambda machine, _, __: machine.on_tuple(0),
    "TUPLE1": lambda machine, _, __: machine.on_tuple(1),
    "TUPLE2": lambda machine, _, __: machine.on_tuple(2),
    "TUPLE3": lambda machine, _, __: machine.on_tuple(3),
    # These fill what lies below their arguments, and leave it there.
    "APPEND": lambda machine, _, __: machine.pop(),
    "APPENDS": lambda machine, _, __: machine.pop_group(),
    "ADDITEMS": lambda machine, _, __: machine.pop_group(),
    "SETITEM": lambda machine, _, __: (machine.pop(), machine.pop()),
    "SETITEMS": lambda machine, _, __: machine.pop_group(),
    "READONLY_BUFFER": lambda _, __, ___: None,
    "FRAME": lambda _, __, ___: None,
}


def scan_opcodes(data: bytes) -> PickleScan:
    """Scans one pickle.

    Args:
        data: The pickle, and maybe bytes after it.

    Raises:
        PickleError: It is no pickle, or one that no unpickler could load.
    """
    machine = _Machine()
    end = 0
    try:
        for opcode, argument, position in pickletools.genops(data):
            _HANDLERS[opcode.name](machine, argument, position or 0)
            end = (position or 0) + 1
    except PickleError as error:
        raise PickleError(f"it is a damaged pickle: {error}") from None
    except Exception as error:
        raise PickleError(f"it is no pickle, or a damaged one: {error}") from error
    found = (
        ReachedGlobal(
            each.module,
            each.name,
            each.called,
            each.position,
            literal=each.called and not each.computes and (each.module, each.name) in _IMPORTERS,
        )
        for each in machine.globals.values()
    )
    return PickleScan(
        globals=tuple(found),
        computed=tuple(machine.computed),
        persistent=machine.persistent,
        trailing=len(data) - end,
    )
