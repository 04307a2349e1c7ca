"""Models: packages loaded into a pool, an object of each entry point in each interpreter."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sesha.runtime.packages import PackageFile, digest
from sesha.runtime.replica import ReplicaMethod, ReplicatedObject, new_number

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Iterable

    from sesha.package.container import Container
    from sesha.package.manifest import Manifest
    from sesha.runtime.futures import CallFuture
    from sesha.runtime.pool import Pool

__all__ = ["Model", "load"]

DEFAULT = "default"
_NOBODY = -1
"""The number of no object."""


class Model(ReplicatedObject):
    """A package's objects in all interpreters of a pool; made by `Pool.load`.

    ``model(…)``, `submit`, `acall` and `method` are for the default entry point's object. Each
    interpreter makes its objects on first use (or at once, ``warm=True``), so do interpreters that
    are started later. Weights are mapped from the file, copy-on-write: all interpreters share the
    pages that nobody writes. What a call changes in an object is seen by later calls in the same
    interpreter only.

    The objects go with `unload`, or when neither the model nor anything taken from it is referred
    to any more. Another package, or another version of this one, may be loaded beside it.

    Thread safety: every method may be called by any thread.
    """

    def __init__(
        self, pool: Pool, file: PackageFile, close: Callable[[], object], manifest: Manifest
    ) -> None:
        self._manifest = manifest
        self._numbers = {point.name: new_number() for point in manifest.entry_points}
        number = new_number()
        self._arguments = (number, self._numbers)
        lifecycle = pool._lifecycle
        self._key = f"package {number}"
        # In place before the first interpreter knows of it, so that a failure is cleaned up too.
        self._unload = weakref.finalize(
            self,
            lifecycle.forget,
            (self._key, f"{self._key} warm"),
            "sesha.runtime.packages:drop",
            self._arguments,
            close,
        )
        self._unload.atexit = False
        default = self._numbers.get(DEFAULT)
        if default is None and len(self._numbers) == 1:
            (default,) = self._numbers.values()
        super().__init__(pool, _NOBODY if default is None else default)
        lifecycle.do_everywhere(
            self._key, "sesha.runtime.packages:hold", (number, file, self._numbers)
        )

    def method(self, name: str) -> ReplicaMethod:
        """Return a callable for a method of the default entry point's object; `__call__` is one.

        Raises:
            PackageError: There are several entry points, and none of them is called default.
        """
        if self._number == _NOBODY:
            from sesha.package.errors import PackageError

            raise PackageError(
                f"{self!r} has no entry point {DEFAULT!r}; take one with entry_point(name): "
                f"{', '.join(self._numbers) or 'there is none'}"
            )
        return super().method(name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the default object in a free interpreter, in this thread; return the result."""
        return self._default(*args, **kwargs)

    def submit(self, /, *args: Any, **kwargs: Any) -> CallFuture[Any]:
        """Queue a call of the default object and return its future."""
        return self._default.submit(*args, **kwargs)

    async def acall(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the default object in a free interpreter and await its result."""
        return await self._default.acall(*args, **kwargs)

    @property
    def _default(self) -> ReplicaMethod:
        return self._target if self._number != _NOBODY else self.method("__call__")

    @property
    def metadata(self) -> Manifest:
        """What the package says of itself: name, version, entry points, externs, provenance."""
        return self._manifest

    @property
    def entry_points(self) -> tuple[str, ...]:
        """Names of the package's entry points."""
        return tuple(self._numbers)

    def entry_point(self, name: str) -> ReplicatedObject:
        """Return the object of an entry point; it keeps the model loaded.

        Raises:
            KeyError: There is none of that name; the text says which there are.
        """
        if name not in self._numbers:
            raise KeyError(
                f"no entry point {name!r}; there are {', '.join(self._numbers) or 'none'}"
            )
        return ReplicatedObject(self._pool, self._numbers[name], self)

    @property
    def unloaded(self) -> bool:
        """Whether the objects are gone."""
        return not self._unload.alive

    def unload(self) -> None:
        """Free the objects in all interpreters; later calls raise ReplicaUnloaded. Idempotent.

        Done in the background. It costs each interpreter one garbage collection: with torch some
        tens of milliseconds, in which its other calls wait.
        """
        self._unload()

    def warm(self) -> None:
        """Make the objects in each interpreter, and run the package's example inputs there.

        Waits for each interpreter to be free, so not while this thread has a session of the pool.
        Interpreters that are started later do the same before their first call.
        """
        self._pool.broadcast("sesha.runtime.packages:warm", *self._arguments)
        self._pool._lifecycle.do_in_later_ones(
            f"{self._key} warm", "sesha.runtime.packages:warm", self._arguments
        )

    def __repr__(self) -> str:
        state = ", unloaded" if self.unloaded else ""
        return f"<sesha.Model {self._manifest.name} {self._manifest.version}{state}>"


def load(
    pool: Pool,
    path: str | os.PathLike[str],
    *,
    warm: bool,
    verify: bool,
    trusted_keys: Iterable[Any] | None,
) -> Model:
    """Open and check a package, and tell all interpreters of it; see `Pool.load`."""
    from sesha.package.container import Container, open_file
    from sesha.package.importer import PackageImporter

    name = os.fspath(path)
    folder = Path(name).is_dir()
    if folder and trusted_keys is not None:
        raise ValueError(
            f"{name} is an unpacked package, whose files may change after they are checked; "
            "trusted_keys needs the package as one file (sesha pack FOLDER -o FILE)"
        )
    # One descriptor for all that is checked here, and for the interpreters.
    source: str | io.FileIO = name if folder else open_file(name)
    close: Callable[[], object] = (lambda: None) if isinstance(source, str) else source.close
    try:
        with Container.open(source) as container:
            _check(container, verify=verify, trusted_keys=trusted_keys)
            manifest = container.manifest
        # This environment is that of all interpreters. No code of the package runs here.
        PackageImporter(source).close()
        file = _describe(name, source, digest(manifest) if trusted_keys is not None else "")
        model = Model(pool, file, close, manifest)
    except BaseException:
        close()
        raise
    if warm:
        try:
            model.warm()
        except BaseException:
            model.unload()
            raise
    return model


def _check(container: Container, *, verify: bool, trusted_keys: Iterable[Any] | None) -> None:
    if trusted_keys is not None:
        from sesha.package import signing

        # Compares the digests of all members too.
        signing.verify(container, trusted_keys)
    elif verify:
        container.verify()


def _describe(name: str, source: str | io.FileIO, manifest_sha256: str) -> PackageFile:
    if isinstance(source, str):
        return PackageFile(str(Path(name).absolute()), -1, (0, 0), manifest_sha256)
    status = os.fstat(source.fileno())
    return PackageFile(
        str(Path(name).absolute()),
        source.fileno(),
        (status.st_dev, status.st_ino),
        manifest_sha256,
    )
