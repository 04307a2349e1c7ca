"""Calls the C library and Python's own API, and is called back."""

import ctypes
import ctypes.util

MADE_WITH = "C (libffi)"
DISTRIBUTION = ""


class _Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("y", ctypes.c_double)]


def exercise() -> object:
    libc = ctypes.CDLL(None)
    by_name = ctypes.CDLL(ctypes.util.find_library("m"))
    by_name.cos.restype, by_name.cos.argtypes = ctypes.c_double, [ctypes.c_double]
    numbers = (ctypes.c_int * 5)(5, 3, 9, 1, 7)
    kind = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int)
    )
    libc.qsort(numbers, 5, ctypes.sizeof(ctypes.c_int), kind(lambda a, b: a[0] - b[0]))
    api = ctypes.pythonapi
    api.PyLong_FromLong.restype = ctypes.py_object
    api.PyObject_Repr.restype, api.PyObject_Repr.argtypes = ctypes.py_object, [ctypes.py_object]
    own: list[object] = []
    api.PyList_Append(ctypes.py_object(own), ctypes.py_object({"a": 1}))
    try:
        api.PyErr_SetString(ctypes.py_object(KeyError), b"from C")
    except KeyError as error:
        failure = str(error)
    point = _Point(1, 2.5)
    return (
        list(numbers),
        by_name.cos(0.0),
        api.PyLong_FromLong(12345),
        api.PyObject_Repr({"k": (1, 2)}),
        own,
        failure,
        bytes(point)[:4],
        ctypes.cast(ctypes.pythonapi.Py_IsInitialized, ctypes.c_void_p).value is not None,
    )
