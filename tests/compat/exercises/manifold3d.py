"""Cuts solids out of each other, with a warp written in Python."""

import manifold3d

MADE_WITH = "nanobind"
DISTRIBUTION = "manifold3d"


def exercise() -> object:
    cube = manifold3d.Manifold.cube([2.0, 2.0, 2.0], True)
    ball = manifold3d.Manifold.sphere(1.2, 32)
    cut = cube - ball
    warped = cube.refine(3).warp(lambda p: (p[0] * 2, p[1], p[2] + 1))
    return round(cut.volume(), 5), cut.num_tri(), round(warped.volume(), 5), cut.genus()
