"""What can go wrong with a package, as one tree of exceptions.

    SeshaError
    └── PackageError               anything below
        ├── FormatError            the file is not a package, or a damaged or hostile one
        │   ├── TruncatedError     it ends before what it declares
        │   ├── NotAPackageError   another kind of file
        │   ├── UnsupportedVersionError   written by a newer sesha
        │   ├── MemberError        the zip's directory or a member of it breaks the format's rules
        │   │   ├── MemberNameError      absolute, `..`, reserved, duplicate or otherwise unsafe
        │   │   ├── MemberRangeError     overlaps, gaps, sizes beyond the file
        │   │   ├── MemberKindError      a symbolic link, folder, encrypted or compressed member
        │   │   └── MemberMissingError   named (by a caller or the manifest) but not there
        │   ├── DigestError        a member's bytes are not those the manifest declares (sha256)
        │   ├── ManifestError      manifest.json; `where` is the JSON path of the problem
        │   ├── TensorsError       a safetensors member
        │   └── PickleError        a pickle that can't be read or reaches for what it must not
        ├── PackError              what was to be packed can't be; lists every problem
        ├── DependencyError        an external distribution is missing or another version
        ├── EnvironmentMismatchError   this Python, platform or machine is not one it runs on
        ├── SelfTestError          the packaged example gives another output
        ├── SignatureError         unsigned, altered, or signed by an unknown key
        └── HermeticError          packaged code reached for a module that is not its own nor an
                                   extern (a ModuleNotFoundError too)

Errors of the system (no such file, no space, no permission) stay the `OSError` they are.
"""

from sesha.errors import SeshaError


class PackageError(SeshaError):
    """Something is wrong with a package, its writing, or the place where it is loaded."""


class FormatError(PackageError):
    """The file is not a package, or it is damaged, or it was made to do harm."""


class TruncatedError(FormatError):
    """The file ends before what it declares."""


class NotAPackageError(FormatError):
    """The file is of another kind."""


class UnsupportedVersionError(FormatError):
    """The package was written in a version of the format that this sesha does not know."""


class MemberError(FormatError):
    """The zip's directory, or one of its members, breaks the format's rules."""


class MemberNameError(MemberError):
    """A member's name is unsafe, reserved, or there twice."""


class MemberRangeError(MemberError):
    """A member's bytes overlap others, leave a gap, or lie beyond the file."""


class MemberKindError(MemberError):
    """A member is a link, a folder, encrypted, compressed, or not a regular file."""


class MemberMissingError(MemberError):
    """A member that is named is not in the package."""


class DigestError(FormatError):
    """A member's bytes are not those that the manifest declares."""


class ManifestError(FormatError):
    """`manifest.json` is not one; `where` is the JSON path of the problem, such as `$.name`."""

    def __init__(self, where: str, problem: str) -> None:
        super().__init__(f"manifest.json: {where}: {problem}")
        self.where = where
        self.problem = problem

    def __reduce__(self) -> tuple[type["ManifestError"], tuple[str, str]]:
        return type(self), (self.where, self.problem)


class TensorsError(FormatError):
    """A safetensors member breaks its format, or a reference does not fit it."""


class PickleError(FormatError):
    """A pickle can't be read, or reaches for what it must not."""


class PackError(PackageError):
    """What was to be packed can't be."""


class DependencyError(PackageError):
    """An external distribution is missing or is not the one the package was written with."""


class EnvironmentMismatchError(PackageError):
    """This Python, platform or machine is not one that the package runs on."""


class SelfTestError(PackageError):
    """The packaged example gives another output than when it was packed, or it fails.

    Attributes:
        missing: What the system said of the file that was not found, if that is why it fails.
    """

    missing: OSError | None = None


class SignatureError(PackageError):
    """The package is unsigned, altered, or signed by a key that is not trusted."""


class HermeticError(PackageError, ModuleNotFoundError):
    """Packaged code reached for a module that is neither its own nor a declared extern."""
