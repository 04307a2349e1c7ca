"""Evaluates expressions over arrays on its threads."""

import numexpr
import numpy as np

MADE_WITH = "C++"
DISTRIBUTION = "numexpr"


def exercise() -> object:
    a, b = np.arange(100_000.0), np.arange(100_000.0)[::-1]
    result = numexpr.evaluate("sqrt(a * b) + where(a > b, sin(a), -1)")
    return result[::9000].round(6).tolist(), float(numexpr.evaluate("sum(a)"))
