"""Trains trees, with an objective written in Python."""

import numpy as np
import xgboost

MADE_WITH = "ctypes"
DISTRIBUTION = "xgboost-cpu"


def _objective(predicted: np.ndarray, data: xgboost.DMatrix) -> tuple[np.ndarray, np.ndarray]:
    return predicted - data.get_label(), np.ones_like(predicted)


def exercise() -> object:
    generator = np.random.default_rng(2)
    features = generator.random((400, 6))
    data = xgboost.DMatrix(features, label=features @ np.arange(6.0))
    options = {"max_depth": 3, "nthread": 2, "seed": 1}
    plain = xgboost.train(options, data, num_boost_round=8)
    own = xgboost.train(options, data, num_boost_round=4, obj=_objective)
    return plain.predict(data)[:10].round(3).tolist(), own.predict(data)[:10].round(3).tolist()
