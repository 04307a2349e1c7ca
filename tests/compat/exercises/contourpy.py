"""Finds contour lines, on threads too."""

import numpy as np
from contourpy import contour_generator

MADE_WITH = "pybind11"
DISTRIBUTION = "contourpy"


def exercise() -> object:
    x, y = np.meshgrid(np.linspace(-2, 2, 40), np.linspace(-2, 2, 40))
    lines = contour_generator(x, y, x**2 + y**2).lines(1.0)
    threaded = contour_generator(x, y, np.sin(3 * x) * y, name="threaded", thread_count=2).lines(
        0.5
    )
    return [line.round(8).tolist() for line in lines], sum(len(line) for line in threaded)
