"""Calls C by declaration (ABI mode), from a compiled module (API mode), and is called back."""

import importlib.util
import subprocess
import sysconfig
import tempfile
from pathlib import Path

import cffi

MADE_WITH = "C"
DISTRIBUTION = "cffi"


SOURCE = """
static int calls;
int apply(int (*f)(int), int n) { int sum = 0; for (int k = 0; k < n; ++k) sum += f(k); ++calls; return sum; }
"""


def _compiled() -> object:
    builder = cffi.FFI()
    builder.cdef('int apply(int (*)(int), int); extern "Python" int square(int);')
    builder.set_source("_sesha_cffi", SOURCE)
    with tempfile.TemporaryDirectory() as folder:
        source, path = Path(folder, "_sesha_cffi.c"), Path(folder, "_sesha_cffi.so")
        builder.emit_c_code(str(source))  # FFI.compile() would change the process's working folder
        include = "-I" + sysconfig.get_path("include")
        subprocess.run(["g++", "-xc", "-shared", "-fPIC", include, source, "-o", path], check=True)
        spec = importlib.util.spec_from_file_location("_sesha_cffi", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


COMPILED = _compiled()


@COMPILED.ffi.def_extern()
def square(number: int) -> int:
    return number * number


def exercise() -> object:
    ffi = cffi.FFI()
    ffi.cdef(
        "size_t strlen(const char *); void qsort(void *, size_t, size_t, int (*)(const void *, const void *));"
    )
    library = ffi.dlopen(None)
    numbers = ffi.new("int[]", [5, 2, 9, 1])

    @ffi.callback("int(const void *, const void *)")
    def compare(a: object, b: object) -> int:
        return ffi.cast("int *", a)[0] - ffi.cast("int *", b)[0]

    library.qsort(numbers, 4, 4, compare)
    called = COMPILED.lib.apply(COMPILED.lib.square, 5)
    lambdas = COMPILED.lib.apply(COMPILED.ffi.callback("int(int)", lambda k: k + 1), 5)
    return library.strlen(b"seven!!"), list(numbers), called, lambdas
