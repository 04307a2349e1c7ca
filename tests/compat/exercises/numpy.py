"""Solves equations, sorts, transforms, and draws random numbers."""

import numpy as np

MADE_WITH = "C, Cython"
DISTRIBUTION = "numpy"


def exercise() -> object:
    generator = np.random.default_rng(7)
    matrix = generator.standard_normal((60, 60))
    vector = matrix @ np.arange(60.0)
    solution = np.linalg.solve(matrix, vector)
    spectrum = np.abs(np.fft.rfft(np.sin(np.arange(256) * 0.5)))
    table = np.sort(np.array([(3, "c"), (1, "a"), (2, "b")], dtype=[("n", "i4"), ("s", "U1")]))
    return {
        "solution": np.round(solution, 6).tolist(),
        "peak": int(spectrum.argmax()),
        "table": [(int(number), str(text)) for number, text in table],
        "sum": np.einsum("ij,ij->", matrix, matrix).round(6).item(),
        "object": np.array([{}, [1], "x"], dtype=object)[1:].tolist(),
        "random": generator.integers(0, 1000, 20).tolist(),
    }
