"""What runs inside an interpreter at its start."""

from __future__ import annotations

import sesha

_LOADED = "sys:modules.__contains__"


def test_a_bare_interpreter_has_imported_little() -> None:
    """What takes long to import is not there before a call asks for it."""
    with sesha.Pool(interpreters=1) as pool:
        assert pool.run(_LOADED, "threading")
        for name in ("typing", "re", "enum", "dataclasses", "logging", "pickle", "importlib.util"):
            assert not pool.run(_LOADED, name), name
