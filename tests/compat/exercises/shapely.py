"""Computes with shapes and an index of them."""

import numpy as np
import shapely

MADE_WITH = "C, Cython"
DISTRIBUTION = "shapely"


def exercise() -> object:
    points = shapely.points(np.random.default_rng(9).random((200, 2)))
    shapes = shapely.buffer(points, 0.03)
    union = shapely.union_all(shapes)
    tree = shapely.STRtree(shapes)
    pairs = tree.query(shapely.box(0.4, 0.4, 0.6, 0.6), predicate="intersects")
    try:
        shapely.from_wkt("POLYGON nonsense")
    except shapely.GEOSException as error:
        failure = type(error).__name__
    return round(union.area, 8), sorted(pairs.tolist()), shapely.to_wkt(points[0], 4), failure
