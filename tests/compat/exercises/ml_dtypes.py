"""Computes with bfloat16 and float8 arrays."""

import ml_dtypes
import numpy as np

MADE_WITH = "C++"
DISTRIBUTION = "ml_dtypes"


def exercise() -> object:
    values = np.linspace(-3, 3, 20)
    return {
        str(kind): (values.astype(kind) * 2).astype(float).tolist()
        for kind in (ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.int4)
    }
