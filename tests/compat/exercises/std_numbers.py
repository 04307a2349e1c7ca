"""Computes with decimals, fractions, statistics and random numbers."""

import array
import cmath
import decimal
import fractions
import math
import random
import statistics
import struct

MADE_WITH = "C"
DISTRIBUTION = ""


def exercise() -> object:
    with decimal.localcontext(prec=50):
        root = str(decimal.Decimal(2).sqrt())
    source = random.Random(5)
    numbers = [source.gauss(0, 1) for _ in range(50)]
    try:
        decimal.Decimal(1) / 0
    except decimal.DivisionByZero as error:
        failure = type(error).__name__
    return (
        root,
        str(fractions.Fraction(10, 4) ** 3),
        statistics.stdev(numbers),
        math.fsum(numbers),
        cmath.polar(1 + 2j),
        struct.pack("<idq", 1, 2.5, -3),
        array.array("d", numbers).tobytes(),
        failure,
        pow(3, 10**6, 10**9 + 7),
    )
