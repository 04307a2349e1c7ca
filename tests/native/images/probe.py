"""What tests do with a library inside an interpreter, and in the host for comparison."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

_RESULTS: dict[str, Any] = {
    "int": ctypes.c_int,
    "text": ctypes.c_char_p,
    "address": ctypes.c_void_p,
    "none": None,
}


def _type_of(item: object) -> Any:
    if isinstance(item, str):
        return ctypes.c_char_p
    return ctypes.c_void_p if isinstance(item, int) and item > 1 << 31 else ctypes.c_int


def call(path: str, function: str, *arguments: object, result: str = "int", mode: int = 0) -> Any:
    """Open a library and call a function of it."""
    entry = ctypes.CDLL(path, mode=mode)[function]
    entry.restype = _RESULTS[result]
    entry.argtypes = [_type_of(item) for item in arguments]
    got = entry(*(item.encode() if isinstance(item, str) else item for item in arguments))
    return got.decode() if isinstance(got, bytes) else got


def calls(path: str, functions: list[str], *, result: str = "int", mode: int = 0) -> list[Any]:
    return [call(path, function, result=result, mode=mode) for function in functions]


def call_in_thread(path: str, function: str) -> Any:
    """Call it in a thread that ends with the call."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(call(path, function)))
    thread.start()
    thread.join()
    return results[0]


def opened(opener: str, name: str, flags: int, function: str) -> tuple[int, str]:
    """Let `opener` load the library `name`, and call a function of it; or return its error."""
    handle = call(opener, "opener_open", name, flags, result="address")
    if handle is None:
        return -1, call(opener, "opener_error", name, flags, result="text")
    return call(opener, "opener_call", handle, function), ""


def mapping_of(address: int) -> tuple[str, str, str, str]:
    """Return offset, device, inode and file of the mapping that holds an address."""
    with open("/proc/self/maps", encoding="utf-8") as maps:  # noqa: PTH123 - a guest needs nothing else
        for line in maps:
            span, _, offset, device, inode, *path = line.split(maxsplit=5)
            begin, end = (int(edge, 16) for edge in span.split("-"))
            if begin <= address < end:
                return offset, device, inode, path[0].strip() if path else ""
    raise LookupError(f"nothing is mapped at {address:#x}")


def mapping_of_function(path: str, function: str) -> tuple[str, str, str, str]:
    address = ctypes.cast(ctypes.CDLL(path)[function], ctypes.c_void_p).value
    assert address is not None
    return mapping_of(address)


def value_of(path: str, name: str) -> int:
    return ctypes.c_int.in_dll(ctypes.CDLL(path), name).value


def error_of(path: str, mode: int = 0) -> str:
    """Return what ctypes has to say about a library that it can't load."""
    try:
        ctypes.CDLL(path, mode=mode)
    except OSError as error:
        return str(error)
    return ""
