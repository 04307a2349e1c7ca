"""Starting interpreters: the host's configuration, and its Python library.

Thread safety: every function may be called by any thread; `start_interpreter` from several at a
time.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

from sesha import _native
from sesha.errors import ImageError


@cache
def python_library() -> str:
    """Return the path of the shared library that holds this Python.

    Raises:
        ImageError: This Python has no shared library, or not one of its own version.
    """
    loaded = _mapped_library()
    if loaded is not None:
        return loaded
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    tried = _library_candidates(version)
    for candidate in tried:
        if candidate.is_file():
            return str(candidate.resolve())
    raise ImageError(
        f"Python {version} at {sys.executable} is linked statically and its shared library was not "
        f"found (looked for {', '.join(map(str, tried))}). Install it (Debian and Ubuntu: "
        f"libpython{version}), or use a Python that has one: conda, python-build-standalone (uv), "
        "or pyenv with PYTHON_CONFIGURE_OPTS=--enable-shared"
    )


def _mapped_library() -> str | None:
    """Return the library from which this very process runs, if it does run from one."""
    name = re.compile(rf"libpython{sys.version_info.major}\.{sys.version_info.minor}[a-z]*\.so.*")
    for line in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
        path = line.split(maxsplit=5)[5:]
        # A guest's image is named folder/./file.
        if path and "/./" not in path[0] and name.fullmatch(Path(path[0]).name):
            return path[0]
    return None


def _library_candidates(version: str) -> list[Path]:
    # Not from sysconfig: its first use reads a file and is not safe in several threads.
    name = f"libpython{version}{sys.abiflags}.so.1.0"
    folders = [f"{sys.base_prefix}/{sys.platlibdir}", f"{sys.base_prefix}/lib"]
    multiarch = getattr(sys.implementation, "_multiarch", "")
    if multiarch:
        folders += [f"/usr/lib/{multiarch}", f"/lib/{multiarch}"]
    folders += ["/usr/local/lib", "/usr/lib64", "/usr/lib"]
    return [Path(folder) / name for folder in dict.fromkeys(folders)]


def _host_options() -> dict[str, Any]:
    """Return what a new interpreter is to have in common with the host as it is now."""
    flags = sys.flags
    config: dict[str, str | int] = {
        "program_name": sys.executable,
        "executable": sys.executable,
        "base_executable": getattr(sys, "_base_executable", sys.executable),
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "exec_prefix": sys.exec_prefix,
        "base_exec_prefix": sys.base_exec_prefix,
        "platlibdir": sys.platlibdir,
        "optimization_level": flags.optimize,
        "bytes_warning": flags.bytes_warning,
        "write_bytecode": int(not sys.dont_write_bytecode),
        "verbose": flags.verbose,
        "dev_mode": int(flags.dev_mode),
        "site_import": int(not flags.no_site),
        "user_site_directory": int(not flags.no_user_site),
        "safe_path": int(flags.safe_path),
        "isolated": flags.isolated,
    }
    return {
        "config": config,
        "argv": [str(argument) for argument in getattr(sys, "argv", [""])],
        # An empty entry stands for the working directory, which is the process's and may change.
        "path": [str(entry) for entry in sys.path],
        "xoptions": [
            name if value is True else f"{name}={value}" for name, value in sys._xoptions.items()
        ],
        "warnoptions": list(sys.warnoptions),
        "utf8_mode": bool(flags.utf8_mode),
    }


def start_interpreter() -> int:
    """Start an interpreter that is configured as the host is, and return its index.

    Blocks until it is up (tens of milliseconds), with the GIL released.

    Raises:
        ImageError: It could not be started; the text names the cause and the next step.
    """
    return _native.start_interpreter(python_library(), _native.__file__, _host_options())
