"""Where tensors of a package go when they are loaded: ``map_location``, as `torch.load` has it."""

from __future__ import annotations

import sys
from typing import Any

from sesha.package.errors import PackageError

__all__ = ["Placement"]


class Placement:
    """Moves what was saved on one device to another; keeps what shares memory sharing it.

    Args:
        map_location: None (where it was saved), a device or its name, a dict of such names, or a
            function of a storage and the name of the device it was saved on.
    """

    def __init__(self, map_location: Any = None) -> None:
        self._map_location = map_location
        # By the address of the storage that was read; values hold that storage, so that its
        # address stays its own.
        self._moved: dict[tuple[int, int, str], tuple[Any, Any]] = {}

    def tensor(self, tensor: Any, location: str) -> Any:
        """The tensor on the device that it is to be on; itself if it is there already."""
        if self._map_location is None and location == "cpu":
            return tensor
        storage = tensor.untyped_storage()
        moved = self.storage(storage, location)
        if moved is storage:
            return tensor
        torch = sys.modules["torch"]
        empty = torch.empty(0, dtype=tensor.dtype, device=moved.device)
        return empty.set_(moved, tensor.storage_offset(), tensor.shape, tensor.stride())

    def storage(self, storage: Any, location: str) -> Any:
        """The storage on the device that it is to be on; itself if it is there already."""
        target = self._target(location)
        if target == "cpu":
            return storage
        key = (storage.data_ptr(), storage.nbytes(), location)
        if key not in self._moved:
            self._moved[key] = (storage, self._restore(storage, location, target))
        return self._moved[key][1]

    def device(self) -> Any:
        """The device that all goes to, None if that depends on where it was saved."""
        target = self._map_location
        return None if callable(target) or isinstance(target, dict) else target

    def _target(self, location: str) -> str | None:
        target = self._map_location
        if target is None:
            return location
        if isinstance(target, dict):
            return str(target.get(location, location))
        return None if callable(target) else str(target)

    def _restore(self, storage: Any, location: str, target: str | None) -> Any:
        torch = sys.modules["torch"]
        if target is None:
            moved = self._map_location(storage, location)
            return storage if moved is None else getattr(moved, "_untyped_storage", moved)
        if target.partition(":")[0] == "meta":
            return torch.UntypedStorage(storage.nbytes(), device="meta")
        try:
            return storage.to(device=torch.device(target))
        except (RuntimeError, AssertionError) as error:
            raise PackageError(
                f"a tensor was saved on {location} and is to go to {target}, which isn't usable "
                f"here: {error}; load it with map_location='cpu'"
            ) from error
