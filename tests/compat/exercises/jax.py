"""Compiles, differentiates and vectorizes functions, with a callback into Python."""

import jax
import jax.numpy as jnp
import numpy as np

MADE_WITH = "nanobind"
DISTRIBUTION = "jax"


@jax.jit
def _network(weights: jax.Array, x: jax.Array) -> jax.Array:
    return jnp.tanh(x @ weights).sum()


def exercise() -> object:
    weights = jnp.arange(12.0).reshape(3, 4) / 10
    x = jnp.ones((2, 3))
    gradient = jax.grad(_network)(weights, x)
    mapped = jax.vmap(lambda row: jnp.linalg.norm(row))(weights)
    called = jax.jit(
        lambda v: jax.pure_callback(
            lambda a: np.asarray(a) * 2, jax.ShapeDtypeStruct(v.shape, v.dtype), v
        )
    )(x)
    numbers = jax.random.normal(jax.random.key(1), (3,))
    return [np.asarray(each).round(4).tolist() for each in (gradient, mapped, called, numbers)]
