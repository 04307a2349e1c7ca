"""Trains trees, with an objective written in Python."""

import lightgbm
import numpy as np

MADE_WITH = "ctypes"
DISTRIBUTION = "lightgbm"


def _objective(predicted: np.ndarray, data: lightgbm.Dataset) -> tuple[np.ndarray, np.ndarray]:
    return predicted - data.get_label(), np.ones_like(predicted)


def exercise() -> object:
    generator = np.random.default_rng(2)
    features = generator.random((400, 6))
    target = features @ np.arange(6.0)
    options = {"num_leaves": 7, "num_threads": 2, "verbose": -1, "deterministic": True, "seed": 3}
    plain = lightgbm.train(options, lightgbm.Dataset(features, target), num_boost_round=8)
    own = lightgbm.train(
        {**options, "objective": _objective}, lightgbm.Dataset(features, target), num_boost_round=4
    )
    return plain.predict(features[:10]).round(4).tolist(), own.predict(features[:10]).round(
        4
    ).tolist()
