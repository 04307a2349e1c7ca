"""Optimizes, integrates, and works on sparse matrices, signals and distances."""

import numpy as np
from scipy import integrate, linalg, optimize, signal, sparse, spatial, special, stats
from scipy.sparse.linalg import spsolve

MADE_WITH = "Cython, f2py, pybind11"
DISTRIBUTION = "scipy"


def exercise() -> object:
    minimum = optimize.minimize(optimize.rosen, [1.3, 0.7, 0.8], method="L-BFGS-B")
    # A callback from Fortran or C into this interpreter.
    area, _ = integrate.quad(lambda x: np.exp(-x * x), 0, 3)
    path = integrate.solve_ivp(lambda _, y: -0.5 * y, (0, 4), [2.0], rtol=1e-8)
    system = sparse.diags([[-1.0] * 99, [2.0] * 100, [-1.0] * 99], [-1, 0, 1], format="csc")
    points = np.random.default_rng(3).random((200, 3))
    distances, _ = spatial.cKDTree(points).query(points[:5] + 0.01)
    return {
        "minimum": minimum.x.round(3).tolist(),
        "area": round(area, 10),
        "end": round(float(path.y[0, -1]), 6),
        "sparse": spsolve(system, np.ones(100)).round(6)[:5].tolist(),
        "distances": distances.round(8).tolist(),
        "bessel": special.jv(2, np.arange(4.0)).round(10).tolist(),
        "filter": signal.butter(3, 0.2)[0].round(10).tolist(),
        "test": round(float(stats.ttest_ind(points[:, 0], points[:, 1]).pvalue), 8),
        "eigenvalues": linalg.eigvalsh(np.diag([3.0, 1.0, 2.0])).tolist(),
    }
