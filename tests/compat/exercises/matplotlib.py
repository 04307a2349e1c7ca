"""Draws a figure with text, contours and triangles with Agg, and as SVG."""

import hashlib
import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

MADE_WITH = "pybind11"
DISTRIBUTION = "matplotlib"


def exercise() -> object:
    figure = Figure(figsize=(4, 3), dpi=80)
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2)
    x = np.linspace(0, 6, 100)
    axes[0].plot(x, np.sin(x), label=r"$\sin x$")
    axes[0].legend()
    axes[1].contourf(np.outer(np.sin(x), np.cos(x)))
    axes[1].tricontour(x, np.sin(x * 7), x)
    canvas.draw()
    pixels = hashlib.sha256(bytes(canvas.buffer_rgba())).hexdigest()
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    return pixels, file.getvalue().startswith(b"<?xml")
