"""Which globals a pickle may reach for without a person looking at them.

A pickle calls what it names, so the standard library is not harmless as a whole: `os.system` is in
it. Allowed are names that make values and do nothing else. Names of externs are the extern's own
code, which whoever installed it trusts; but some functions there run what they are given, and these
are not allowed anywhere.
"""

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sesha.package.patterns import GlobGroup

__all__ = ["Judge", "Verdict"]


class Verdict(enum.StrEnum):
    """Where a global comes from, or why it is flagged."""

    PACKAGE = "package"
    """The package's own code."""
    EXTERN = "extern"
    """Code of an extern that the manifest declares."""
    ALLOWED = "allowed"
    """A name of the allowed list."""
    CODE = "code"
    """cloudpickle's: the pickle carries functions or classes as byte code instead of source."""
    OUTSIDE = "outside"
    """Neither packaged nor extern nor allowed. Flagged."""
    DANGEROUS = "dangerous"
    """It runs or loads whatever it is given. Flagged."""

    @property
    def flagged(self) -> bool:
        """Whether a person should look at it."""
        return self in {Verdict.OUTSIDE, Verdict.DANGEROUS}


_PATHS = frozenset({"Path", "PosixPath", "PurePath", "PurePosixPath", "PureWindowsPath"})
# Sources: the reduce functions of the standard library's types, and what copyreg writes.
_ALLOWED: Mapping[str, frozenset[str]] = {
    "_codecs": frozenset({"encode"}),
    "array": frozenset({"array", "_array_reconstructor"}),
    "builtins": frozenset(
        {"Ellipsis", "NotImplemented", "bool", "bytearray", "bytes", "complex", "dict", "float"}
        | {"frozenset", "int", "list", "object", "range", "reversed", "set", "slice", "str"}
        | {"super", "tuple", "type", "property", "staticmethod", "classmethod", "print", "len"}
        | {"abs", "max", "min", "sum", "round", "enumerate", "zip", "sorted", "repr", "iter"}
        | {"ArithmeticError", "Exception", "KeyError", "RuntimeError", "TypeError", "ValueError"}
    ),
    "collections": frozenset({"ChainMap", "Counter", "OrderedDict", "defaultdict", "deque"}),
    "copyreg": frozenset({"__newobj__", "__newobj_ex__", "_reconstructor"}),
    "datetime": frozenset({"date", "datetime", "time", "timedelta", "timezone"}),
    "decimal": frozenset({"Context", "Decimal"}),
    "enum": frozenset({"Enum", "Flag", "IntEnum", "IntFlag", "StrEnum"}),
    "fractions": frozenset({"Fraction"}),
    "functools": frozenset({"partial"}),
    "ipaddress": frozenset({"IPv4Address", "IPv4Network", "IPv6Address", "IPv6Network"}),
    "itertools": frozenset({"chain", "count", "cycle", "product", "repeat"}),
    "math": frozenset({"ceil", "cos", "exp", "floor", "log", "pow", "sin", "sqrt", "tanh"}),
    "operator": frozenset({"add", "itemgetter", "mul", "sub", "truediv"}),
    "pathlib": _PATHS,
    # Where Python 3.13 has them.
    "pathlib._local": _PATHS,
    "random": frozenset({"Random"}),
    "re": frozenset({"_compile"}),
    "types": frozenset({"MappingProxyType", "SimpleNamespace"}),
    "uuid": frozenset({"SafeUUID", "UUID"}),
    "zoneinfo": frozenset({"ZoneInfo", "ZoneInfo._unpickle"}),
}

# Externs' functions that run or load what they are given, so that "an extern" says too little.
_DANGEROUS: Mapping[str, frozenset[str]] = {
    "cloudpickle": frozenset({"load", "loads"}),
    "dill": frozenset({"load", "loads", "load_session"}),
    "joblib": frozenset({"load"}),
    "numpy": frozenset({"load", "fromfile", "memmap"}),
    "numpy.testing._private.utils": frozenset({"runstring"}),
    "pandas": frozenset({"eval", "read_pickle"}),
    "torch": frozenset({"load"}),
    "torch.hub": frozenset({"load", "load_state_dict_from_url"}),
    "torch.jit": frozenset({"load"}),
    "torch.serialization": frozenset({"load"}),
    "torch.storage": frozenset({"_load_from_bytes"}),
    "torch.utils.cpp_extension": frozenset({"load", "load_inline"}),
}
_CARRIES_CODE = "cloudpickle.cloudpickle"
_CODE_TYPES = frozenset({"CodeType", "FunctionType"})


@dataclass(frozen=True)
class Judge:
    """Judges the globals of one package's pickles.

    Attributes:
        modules: Names of its own modules.
        externs: Modules that it declares as external.
        standard: Names of the standard library's top-level modules.
        extra: Globs such as ``"os.path.*"`` over `module.name`, allowed besides.
    """

    modules: frozenset[str]
    externs: frozenset[str]
    standard: frozenset[str]
    extra: GlobGroup | None = None

    def verdict(self, module: str, name: str) -> Verdict:
        """Judges one global by its name alone; an empty name is the module itself."""
        top = module.partition(".")[0]
        if self.extra is not None and self.extra.matches(f"{module}.{name}"):
            return Verdict.ALLOWED
        if module in self.modules:
            return Verdict.PACKAGE
        if name in _DANGEROUS.get(module, ()):
            return Verdict.DANGEROUS
        if module == _CARRIES_CODE or (module == "types" and name in _CODE_TYPES):
            return Verdict.CODE
        if top in self.standard:
            return _standard(module, name)
        declared = any(parent in self.externs for parent in _with_parents(module))
        return Verdict.EXTERN if declared else Verdict.OUTSIDE


def _standard(module: str, name: str) -> Verdict:
    # To import a module does no harm; what is taken out of it is a global of its own.
    if not name or name in _ALLOWED.get(module, ()):
        return Verdict.ALLOWED
    return Verdict.DANGEROUS if module.partition(".")[0] in _RUNS_THINGS else Verdict.OUTSIDE


# Modules of the standard library of which nearly every function runs or opens something.
_RUNS_THINGS = frozenset(
    {"_pickle", "asyncio", "builtins", "code", "codeop", "commands", "ctypes", "ftplib", "http"}
    | {"imp", "importlib", "io", "marshal", "multiprocessing", "nt", "os", "pdb", "pickle", "pip"}
    | {"posix", "profile", "pty", "runpy", "shelve", "shutil", "socket", "subprocess", "sys"}
    | {"tempfile", "threading", "timeit", "urllib", "webbrowser", "zipimport"}
)


def _with_parents(module: str) -> Iterable[str]:
    while module:
        yield module
        module = module.rpartition(".")[0]
