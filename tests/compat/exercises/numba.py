"""Compiles functions, with objects, threads and callbacks, to machine code."""

import ctypes

import numba
import numpy as np
from numba import types

MADE_WITH = "C, ctypes (llvmlite)"
DISTRIBUTION = "numba"


@numba.njit
def _collatz(number: int) -> int:
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1
        steps += 1
    return steps


@numba.njit(parallel=True)
def _sum(values: np.ndarray) -> float:
    total = 0.0
    for k in numba.prange(values.size):
        total += values[k]
    return total


@numba.njit
def _lists(count: int) -> list[int]:
    found = {k: k * k for k in range(count)}
    return [found[k] for k in range(count) if found[k] % 2 == 0]


@numba.njit
def _raises(number: int) -> int:
    if number > 3:
        raise ValueError("too large")
    return number


@numba.vectorize(["float64(float64, float64)"])
def _add(a: float, b: float) -> float:
    return a + 2 * b


@numba.cfunc(types.float64(types.float64))
def _half(x: float) -> float:
    return x / 2


@numba.jit(forceobj=True)
def _object(value: object) -> str:
    return repr(value)


def exercise() -> object:
    try:
        _raises(5)
    except ValueError as error:
        failure = str(error)
    function = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(_half.address)
    return (
        [_collatz(k) for k in range(1, 30)],
        _sum(np.arange(1000.0)),
        _lists(12),
        failure,
        _add(np.arange(4.0), 1.0).tolist(),
        function(5.0),
        _object([1, "x"]),
    )
