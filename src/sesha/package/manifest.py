"""`manifest.json`: what a package is, what it holds, and what it needs.

Frozen dataclasses on one side, canonical JSON (`sesha.package.canonical`) on the other;
`docs/format.md` has the meaning of each field. Reading is strict: an unknown or missing key, a
value of another type, a list out of order or with the same name twice is a ManifestError that names
its JSON path.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import NoReturn, TypeVar

from sesha.package import canonical, names
from sesha.package.canonical import Json
from sesha.package.errors import ManifestError, MemberNameError, UnsupportedVersionError

FORMAT = "sesha"
FORMAT_VERSION = 1
MAX_BYTES = 64 << 20

_Item = TypeVar("_Item")

_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._+!-]{0,253}[A-Za-z0-9])?")
# A hyphen too: torch.fx calls the modules that it generates `fx-generated._0`.
_MODULE = re.compile(r"[^\W\d][\w-]*(\.[^\W\d][\w-]*)*")


@dataclasses.dataclass(frozen=True, slots=True)
class MemberDigest:
    """A member of the zip: its size in bytes and the SHA-256 of its data, in hexadecimal."""

    name: str
    size: int
    sha256: str


@dataclasses.dataclass(frozen=True, slots=True)
class Module:
    """An interned module: its dotted name and the member with its source."""

    name: str
    member: str
    is_package: bool


@dataclasses.dataclass(frozen=True, slots=True)
class Extern:
    """A top-level or dotted module that the loading environment provides.

    `distribution` is the installed distribution that has it, with `version` and the SHA-256 of
    its RECORD as they were when the package was written; all three are empty for modules of
    Python itself and for those that belong to no distribution.
    """

    module: str
    distribution: str = ""
    version: str = ""
    record_sha256: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class EntryPoint:
    """A named object of the package: a pickle at `package`/`resource`."""

    name: str
    package: str
    resource: str


@dataclasses.dataclass(frozen=True, slots=True)
class Resource:
    """A member that is neither source nor tensors: `kind` is `pickle`, `text` or `binary`."""

    member: str
    kind: str


@dataclasses.dataclass(frozen=True, slots=True)
class SelfTest:
    """The example kept with a package: inputs for `entry_point`, and the outputs to expect.

    `inputs` and `outputs` are pickle members. `tolerance` is how far outputs may differ, as a
    decimal string ("0" for exactly equal): the relative and absolute tolerance of numpy.allclose.
    """

    entry_point: str
    inputs: str
    outputs: str
    tolerance: str = "0"


@dataclasses.dataclass(frozen=True, slots=True)
class PythonRange:
    """The Pythons that the package runs on: from `minimum`, up to but without `below`.

    Each a dotted version such as "3.11"; `below` may be empty for no upper bound.
    """

    minimum: str = "3.11"
    below: str = ""

    def __contains__(self, version: tuple[int, ...]) -> bool:
        """Whether a version such as `sys.version_info[:3]` is within."""
        return _numbers(self.minimum) <= version and (
            not self.below or version < _numbers(self.below)
        )

    def both(self, other: "PythonRange") -> "PythonRange":
        """The versions that are in this range and in another one."""
        bounds = [each.below for each in (self, other) if each.below]
        return PythonRange(
            max(self.minimum, other.minimum, key=_numbers),
            min(bounds, key=_numbers) if bounds else "",
        )

    def __str__(self) -> str:
        return f">={self.minimum}" + (f",<{self.below}" if self.below else "")


@dataclasses.dataclass(frozen=True, slots=True)
class Manifest:
    """All that a package says of itself. Lists are in the order of their first field.

    `platforms` lists what it runs on, as `sysconfig.get_platform()` names it; empty for anywhere.
    `mocks` are module names. `provenance` has strings only, such as the Python that wrote it.
    """

    name: str
    version: str
    python: PythonRange = PythonRange()
    platforms: tuple[str, ...] = ()
    entry_points: tuple[EntryPoint, ...] = ()
    modules: tuple[Module, ...] = ()
    externs: tuple[Extern, ...] = ()
    mocks: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    self_test: SelfTest | None = None
    provenance: Mapping[str, str] = dataclasses.field(
        default_factory=lambda: MappingProxyType({}), hash=False
    )
    members: tuple[MemberDigest, ...] = ()

    def to_json(self) -> bytes:
        """The canonical document.

        Raises:
            ManifestError: A field has a value that could not be read again.
        """
        document: dict[str, Json] = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "version": self.version,
            "python": _record(self.python),
            "platforms": [*sorted(self.platforms)],
            "entry_points": _records(self.entry_points),
            "modules": _records(self.modules),
            "externs": _records(self.externs),
            "mocks": [*sorted(self.mocks)],
            "resources": _records(self.resources),
            "self_test": None if self.self_test is None else _record(self.self_test),
            "provenance": dict(self.provenance),
            "members": _records(self.members),
        }
        try:
            encoded = canonical.encode(document)
        except (TypeError, ValueError) as error:
            raise ManifestError("$", f"it can't be written as JSON: {error}") from error
        Manifest.from_json(encoded)
        return encoded

    @classmethod
    def from_json(cls, document: bytes) -> "Manifest":
        """The manifest that `document` is.

        Raises:
            UnsupportedVersionError: It is of a later version of the format.
            ManifestError: It breaks the format; `where` tells the place.
        """
        if len(document) > MAX_BYTES:
            raise ManifestError("$", f"{len(document)} bytes; {MAX_BYTES} are allowed")
        try:
            value = canonical.decode(document)
        except canonical.NotCanonicalError as error:
            raise ManifestError("$", str(error)) from error
        _check_version(value)
        root = _Object("$", value)
        manifest = cls(
            name=root.matching("name", _LABEL),
            version=root.matching("version", _LABEL),
            python=_python(root.object("python")),
            platforms=root.names("platforms", _LABEL),
            entry_points=root.list("entry_points", _entry_point),
            modules=root.list("modules", _module),
            externs=root.list("externs", _extern),
            mocks=root.names("mocks", _MODULE),
            resources=root.list("resources", _resource),
            self_test=root.optional("self_test", _self_test),
            provenance=root.strings("provenance"),
            members=root.list("members", _member),
        )
        root.done({"format", "format_version"})
        _check_references(manifest)
        return manifest


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _record(value: object) -> Json:
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}  # type: ignore[arg-type]  # any of the dataclasses above


def _records(values: Iterable[object]) -> Json:
    return sorted(map(_record, values), key=lambda record: next(iter(record.values())))  # type: ignore[union-attr,arg-type,return-value]  # each record's first field is a string


def _check_version(value: Json) -> None:
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ManifestError("$.format", f'it is not "{FORMAT}": this is no package of sesha')
    version = value.get("format_version")
    if type(version) is not int or version < 1:
        raise ManifestError("$.format_version", "it is not a positive integer")
    if version > FORMAT_VERSION:
        raise UnsupportedVersionError(
            f"the package is in version {version} of the format; this sesha reads up to "
            f"{FORMAT_VERSION}: install a newer one (pip install --upgrade sesha)"
        )


class _Object:
    """A JSON object being read: each key is taken once, and none may be left."""

    def __init__(self, where: str, value: Json) -> None:
        if not isinstance(value, dict):
            raise ManifestError(where, "it is not an object")
        self._where = where
        self._value = value
        self._taken: set[str] = set()

    def _fail(self, key: str, problem: str) -> NoReturn:
        raise ManifestError(f"{self._where}.{key}", problem)

    def _take(self, key: str) -> Json:
        if key not in self._value:
            self._fail(key, "it is missing")
        self._taken.add(key)
        return self._value[key]

    def string(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str):
            self._fail(key, "it is not a string")
        return value

    def matching(self, key: str, pattern: re.Pattern[str], *, empty: bool = False) -> str:
        value = self.string(key)
        if not (empty and not value) and not pattern.fullmatch(value):
            self._fail(key, f"{value[:80]!a} does not match {pattern.pattern}")
        return value

    def member(self, key: str) -> str:
        value = self.string(key)
        problem = names.problem_with(value)
        if problem is not None:
            self._fail(key, f"the name {names.shown(value)} {problem}")
        return value

    def size(self, key: str) -> int:
        value = self._take(key)
        if type(value) is not int or not 0 <= value < 1 << 63:
            self._fail(key, "it is not a size in bytes")
        return value

    def boolean(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            self._fail(key, "it is neither true nor false")
        return value

    def object(self, key: str) -> "_Object":
        return _Object(f"{self._where}.{key}", self._take(key))

    def optional(self, key: str, read: "Callable[[_Object], _Item]") -> "_Item | None":
        value = self._take(key)
        return None if value is None else read(_Object(f"{self._where}.{key}", value))

    def strings(self, key: str) -> Mapping[str, str]:
        value = self._take(key)
        if not isinstance(value, dict):
            self._fail(key, "it is not an object")
        result: dict[str, str] = {}
        for name, text in value.items():
            if not isinstance(text, str):
                self._fail(f"{key}.{name[:80]}", "it is not a string")
            result[name] = text
        return MappingProxyType(result)

    def _items(self, key: str) -> "list[Json]":
        value = self._take(key)
        if not isinstance(value, list):
            self._fail(key, "it is not a list")
        return value

    def names(self, key: str, pattern: re.Pattern[str]) -> tuple[str, ...]:
        result: list[str] = []
        for index, item in enumerate(self._items(key)):
            if not isinstance(item, str) or not pattern.fullmatch(item):
                self._fail(f"{key}[{index}]", f"it does not match {pattern.pattern}")
            if result and result[-1] >= item:
                self._fail(f"{key}[{index}]", "it is out of order, or there twice")
            result.append(item)
        return tuple(result)

    def list(self, key: str, read: "Callable[[_Object], tuple[str, _Item]]") -> tuple[_Item, ...]:
        result = []
        last: str | None = None
        for index, item in enumerate(self._items(key)):
            entry = _Object(f"{self._where}.{key}[{index}]", item)
            name, value = read(entry)
            entry.done()
            if last is not None and last >= name:
                self._fail(f"{key}[{index}]", "it is out of order, or there twice")
            last = name
            result.append(value)
        return tuple(result)

    def done(self, others: "set[str] | frozenset[str]" = frozenset()) -> None:
        for key in sorted(self._value.keys() - self._taken - others):
            self._fail(ascii(key[:80])[1:-1], "it is not a key that is known here")


def _python(value: _Object) -> PythonRange:
    result = PythonRange(
        value.matching("minimum", _VERSION), value.matching("below", _VERSION, empty=True)
    )
    value.done()
    return result


def _entry_point(value: _Object) -> tuple[str, EntryPoint]:
    entry = EntryPoint(
        value.matching("name", _LABEL), value.string("package"), value.string("resource")
    )
    return entry.name, entry


def _module(value: _Object) -> tuple[str, Module]:
    module = Module(
        value.matching("name", _MODULE), value.member("member"), value.boolean("is_package")
    )
    return module.name, module


def _extern(value: _Object) -> tuple[str, Extern]:
    extern = Extern(
        value.matching("module", _MODULE),
        value.matching("distribution", _LABEL, empty=True),
        value.matching("version", _LABEL, empty=True),
        value.matching("record_sha256", _SHA256, empty=True),
    )
    return extern.module, extern


def _resource(value: _Object) -> tuple[str, Resource]:
    resource = Resource(
        value.member("member"), value.matching("kind", re.compile("pickle|text|binary"))
    )
    return resource.member, resource


def _self_test(value: _Object) -> SelfTest:
    test = SelfTest(
        value.matching("entry_point", _LABEL),
        value.member("inputs"),
        value.member("outputs"),
        value.matching("tolerance", re.compile(r"[0-9](\.[0-9]{1,20})?(e-[0-9]{1,2})?")),
    )
    value.done()
    return test


def _member(value: _Object) -> tuple[str, MemberDigest]:
    member = MemberDigest(
        value.member("name"), value.size("size"), value.matching("sha256", _SHA256)
    )
    return member.name, member


def _check_references(manifest: Manifest) -> None:
    """Each member that a field names is in `members`; none of those is the container's own."""
    try:
        names.check_all(member.name for member in manifest.members)
    except MemberNameError as error:
        raise ManifestError("$.members", str(error)) from error
    known = {member.name for member in manifest.members}
    if reserved := known & names.RESERVED:
        raise ManifestError("$.members", f"{min(reserved)} is the container's own")
    for where, member in _member_references(manifest):
        if member not in known:
            raise ManifestError(where, f"there is no member {names.shown(member)}")
    test = manifest.self_test
    if test is not None and all(test.entry_point != one.name for one in manifest.entry_points):
        raise ManifestError("$.self_test.entry_point", "there is no such entry point")


def _member_references(manifest: Manifest) -> Iterator[tuple[str, str]]:
    for index, module in enumerate(manifest.modules):
        yield f"$.modules[{index}].member", module.member
    for index, resource in enumerate(manifest.resources):
        yield f"$.resources[{index}].member", resource.member
    if manifest.self_test is not None:
        yield "$.self_test.inputs", manifest.self_test.inputs
        yield "$.self_test.outputs", manifest.self_test.outputs
