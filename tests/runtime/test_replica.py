"""Replicas: an object in each interpreter, its arrays held once."""

from __future__ import annotations

import asyncio
import gc
import pickle
import time

import numpy as np
import pytest

from sesha import InterpreterDied, Pool, ReplicaUnloaded
from sesha.runtime import payload
from tests.runtime import functions


def counts(pool: Pool, replica: object) -> dict[int, int]:
    del pool
    return dict(replica.method("count")() for _ in range(8))  # type: ignore[attr-defined]


def test_a_replica_is_called_in_any_interpreter(pool: Pool) -> None:
    """A replica and its methods are called directly, by future and by coroutine."""
    replica = pool.replicate(functions.Model(np.arange(3.0)))
    np.testing.assert_array_equal(replica(2.0), [0.0, 2.0, 4.0])
    np.testing.assert_array_equal(replica.submit(3.0).result(), [0.0, 3.0, 6.0])
    np.testing.assert_array_equal(asyncio.run(replica.acall(4.0)), [0.0, 4.0, 8.0])
    count = replica.method("count")
    assert count()[0] in pool.interpreters
    assert count.submit().result()[0] in pool.interpreters
    assert asyncio.run(count.acall())[0] in pool.interpreters


def test_arrays_are_shared_and_the_rest_is_not(pool: Pool) -> None:
    """A write to the weights is seen everywhere, a write to an attribute only there."""
    weights = np.zeros(4)
    model = functions.Model(weights)
    replica = pool.replicate(model)
    replica.method("write")(1, 5.0)
    assert weights[1] == 5.0
    np.testing.assert_array_equal(replica(1.0), [0.0, 5.0, 0.0, 0.0])
    assert model.calls == 0


def test_the_object_is_read_once(pool: Pool) -> None:
    """Changes of the object after replicate() do not reach copies made later."""
    model = functions.Model(np.ones(1))
    replica = pool.replicate(model)
    model.calls = 100
    assert replica.method("count")()[1] == 0


def test_unload_frees_the_copies(pool: Pool) -> None:
    """After unload calls say so, also by a method that was kept."""
    replica = pool.replicate(functions.Model(np.ones(1)))
    count = replica.method("count")
    count()
    replica.unload()
    replica.unload()
    assert replica.unloaded
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            count()
        except ReplicaUnloaded:
            break
    with pytest.raises(ReplicaUnloaded, match="replicate"):
        replica(1.0)


def test_a_forgotten_replica_is_unloaded(pool: Pool) -> None:
    """The copies go with the last reference to the replica."""
    replica = pool.replicate(functions.Model(np.ones(1)))
    replica(1.0)
    number = replica._number
    del replica
    gc.collect()
    until = time.monotonic() + 60
    held = [True]
    while any(held) and time.monotonic() < until:
        held = pool.broadcast(is_held, number)
    assert not any(held)


def is_held(number: int) -> bool:
    return number in payload._held or number in payload._made


def test_a_replacement_has_the_replicas() -> None:
    """An interpreter that takes a dead one's place has the copies too."""
    with Pool(1) as pool:
        replica = pool.replicate(functions.Model(np.arange(2.0)))
        replica(1.0)
        with pytest.raises(InterpreterDied):
            pool.run(functions.die)
        np.testing.assert_array_equal(replica(2.0), [0.0, 2.0])


def test_what_can_not_be_pickled_is_refused(pool: Pool) -> None:
    """An object that can't be taken apart is a TypeError, and nothing is left."""
    with pytest.raises(TypeError, match="lock"):
        pool.replicate({"lock": __import__("threading").Lock()})


def test_a_replica_can_not_be_pickled(pool: Pool) -> None:
    """A replica is not an argument: every interpreter has its copy."""
    with pytest.raises(TypeError, match="copy"):
        pickle.dumps(pool.replicate([]))


@pytest.mark.torch
def test_a_module_s_parameters_are_shared() -> None:
    """The weights of a torch module are one memory in all interpreters; tied weights stay tied."""
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(4, 4, bias=False)
    model = torch.nn.Sequential(layer, torch.nn.ReLU(), layer)
    with Pool(2, preload=("torch",)) as pool, torch.no_grad():
        replica = pool.replicate(model)
        inputs = torch.randn(2, 4)
        torch.testing.assert_close(replica(inputs), model(inputs))
        layer.weight.fill_(0.5)
        torch.testing.assert_close(replica(inputs), model(inputs))
        state = replica.method("state_dict")()
        assert state["0.weight"].data_ptr() == layer.weight.data_ptr()
