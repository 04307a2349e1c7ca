"""Checks of the running Python: its version, its build, its libpython, and sesha's own build."""

import ctypes
import importlib.util
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from sesha.cli.checks.finding import Finding, failed, ok, warning

OLDEST = (3, 11)
NEWEST_TESTED = (3, 13)

_SHARED_BUILD = (
    "use a Python with a shared libpython: Debian and Ubuntu `apt install libpython{version}`; "
    "conda and python-build-standalone (uv) ship it; pyenv "
    "`PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install {version}`"
)


def check_python() -> Iterator[Finding]:
    """Yields the findings about this Python, in the order in which they matter."""
    yield check_version(tuple(sys.version_info[:2]), sys.implementation.name)
    yield check_threading(free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")))
    yield check_libpython(libpython_candidates())
    yield check_binding()


def check_version(version: tuple[int, ...], implementation: str) -> Finding:
    """Whether it is CPython, of a version that sesha runs on."""
    found = f"{implementation} {'.'.join(map(str, version))}"
    if implementation != "cpython":
        return failed("Python", found, "use CPython: interpreters are copies of its libpython")
    if version < OLDEST:
        return failed("Python", found, "use Python 3.11 or newer")
    if version > NEWEST_TESTED:
        return warning(
            "Python", found, "newer than what sesha is tested with: run your own tests first"
        )
    return ok("Python", f"{found}, {sys.executable}")


def check_threading(*, free_threaded: bool) -> Finding:
    """Whether this build has a GIL: without one, threads need no second interpreter."""
    if free_threaded:
        return failed(
            "build", "free-threaded", "use the default build; extensions are built for the other"
        )
    return ok("build", "with a GIL")


def libpython_candidates() -> list[Path]:
    """Where this Python's libpython may lie, likeliest first; the paths need not exist.

    The one that this process already maps comes first: then there is nothing to guess.
    """
    name = str(sysconfig.get_config_var("INSTSONAME") or "")
    if ".so" not in name:
        # A static build names its archive; the shared library may still be installed beside it.
        name = f"libpython{sys.version_info.major}.{sys.version_info.minor}.so.1.0"
    maps = Path("/proc/self/maps")
    mapped = {
        Path(line.split(maxsplit=5)[5])
        for line in (maps.read_text().splitlines() if maps.exists() else ())
        if line.endswith(f"/{name}")
    }
    folders = [
        str(sysconfig.get_config_var("LIBDIR") or ""),
        f"{sys.base_prefix}/lib",
        *(f"{root}/{triplet}" for root in ("/usr/lib", "/lib") for triplet in _triplets()),
    ]
    return [*sorted(mapped), *(Path(folder) / name for folder in folders if folder)]


def _triplets() -> list[str]:
    """Debian's name of this machine's library folder, if this Python knows it."""
    triplet = sysconfig.get_config_var("MULTIARCH")
    return [str(triplet)] if triplet else []


def check_libpython(candidates: list[Path]) -> Finding:
    """Whether a libpython is there, of exactly this Python's version.

    Args:
        candidates: Where to look, in this order; the first file that exists is judged.
    """
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    fix = _SHARED_BUILD.format(version=version)
    found = next((path for path in candidates if path.is_file()), None)
    if found is None:
        static = "a static Python, and " if not sysconfig.get_config_var("Py_ENABLE_SHARED") else ""
        folders = ", ".join(dict.fromkeys(str(path.parent) for path in candidates))
        return failed("libpython", f"{static}no {candidates[0].name} in {folders}", fix)
    try:
        its_version = _version_of(found)
    except (OSError, subprocess.SubprocessError) as error:
        return failed("libpython", f"{found} does not load: {error}", fix)
    if its_version != sys.version.split()[0]:
        return failed(
            "libpython",
            f"{found} is of Python {its_version}, this is {sys.version.split()[0]}",
            "install both from the same build: each interpreter uses this Python's standard "
            f"library with that file's code. Or {fix}",
        )
    return ok("libpython", str(found))


def _version_of(libpython: Path) -> str:
    """The version that a libpython tells, asked in a child: a broken file may crash.

    Raises:
        OSError: The child could not load it; with its last line of output.
        subprocess.TimeoutExpired: The child hung for a minute.
    """
    program = (
        "import ctypes, sys; f = ctypes.CDLL(sys.argv[1]).Py_GetVersion; "
        "f.restype = ctypes.c_char_p; print(f().decode().split()[0])"
    )
    child = subprocess.run(
        [sys.executable, "-I", "-c", program, str(libpython)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if child.returncode != 0:
        lines = child.stderr.strip().splitlines() or [f"exit code {child.returncode}"]
        raise OSError(lines[-1])
    return child.stdout.strip()


def check_binding() -> Finding:
    """Whether sesha's own extension module is there for this Python and loads."""
    suffix = str(sysconfig.get_config_var("EXT_SUFFIX"))
    fix = (
        "install sesha for this Python: `python -m pip install --force-reinstall sesha` with the "
        f"interpreter {sys.executable}"
    )
    spec = importlib.util.find_spec("sesha._native")
    if spec is None or spec.origin is None:
        folder = Path(__file__).parents[2]
        others = ", ".join(sorted(path.name for path in folder.glob("_native*.so"))) or "none"
        return failed("sesha._native", f"no _native{suffix} in {folder} (there: {others})", fix)
    core = Path(spec.origin).parent / "libsesha.so.0"
    try:
        ctypes.CDLL(str(core), mode=os.RTLD_NOW)
        importlib.import_module("sesha._native")
    except (OSError, ImportError) as error:
        return failed("sesha._native", str(error), fix)
    return ok("sesha._native", spec.origin)
