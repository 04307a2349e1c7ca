"""References: objects that stay where they are."""

from __future__ import annotations

import copy
import pickle
import threading
import time
from typing import TYPE_CHECKING

import pytest

from sesha import Reference, SessionClosed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sesha import Pool, Session


@pytest.fixture
def session(pool: Pool) -> Iterator[Session]:
    with pool.session() as opened:
        yield opened


def test_attributes_calls_and_items_stay(session: Session) -> None:
    """What is reached from a reference is a reference, until get() copies it out."""
    numbers = session.eval("[1, 2, 3]")
    numbers.append(4)
    assert isinstance(numbers[0], Reference)
    assert numbers[-1].get() == 4
    assert numbers.index(3).get() == 2
    assert numbers.get() == [1, 2, 3, 4]


def test_attributes_can_be_set_and_deleted(session: Session) -> None:
    """Setting and deleting happens there."""
    thing = session.call("types:SimpleNamespace", a=1)
    thing.b = [2]
    thing.c = thing.b
    assert thing.c.get() == [2]
    assert session.run("operator:is_", thing.b, thing.c)
    del thing.b
    assert not hasattr(thing, "b")
    assert hasattr(thing, "c")


def test_items_can_be_set_and_deleted(session: Session) -> None:
    """A container there is changed there."""
    mapping = session.reference({"a": 1})
    mapping["b"] = mapping["a"]
    del mapping["a"]
    assert mapping.get() == {"b": 1}
    with pytest.raises(KeyError):
        mapping["a"]


def test_python_s_operators_work(session: Session) -> None:
    """len, in, bool, str, dir and iteration ask the object itself."""
    words = session.reference(["a", "b"])
    assert len(words) == 2
    assert "a" in words
    assert "z" not in words
    assert words[0] in words
    assert bool(words)
    assert not session.reference([])
    assert str(words) == "['a', 'b']"
    assert "append" in dir(words)
    assert [word.get() for word in words] == ["a", "b"]
    with pytest.raises(TypeError):
        iter(session.reference(5))


def test_a_reference_shows_what_it_stands_for(session: Session) -> None:
    """The repr names type and value, and never raises."""
    number = session.reference(5)
    assert repr(number) == "<sesha.Reference to builtins.int: 5>"
    session.close()
    assert repr(number) == "<sesha.Reference to SessionClosed>"


def test_references_are_arguments_of_their_session(session: Session) -> None:
    """A reference among or inside the arguments arrives as the very object."""
    numbers = session.eval("[1, 2]")
    double = session.eval("lambda values, **more: [values, values, more]")
    result = double(numbers, more=numbers)
    assert session.run("operator:is_", result[0], numbers)
    assert session.run("operator:is_", result[2]["more"], numbers)
    nested = session.call("builtins:dict", inner={"deep": [numbers]})
    assert session.run("operator:is_", nested["inner"]["deep"][0], numbers)


def test_references_do_not_leave_their_session(session: Session, pool: Pool) -> None:
    """Anywhere else a reference is refused, with the way out."""
    numbers = session.eval("[1, 2]")
    with pytest.raises(TypeError, match="session"):
        pool.run(len, numbers)
    with pytest.raises(TypeError, match="session"):
        pool.submit(len, [numbers])
    with pool.session() as other, pytest.raises(TypeError, match="session"):
        other.run(len, numbers)
    with pytest.raises(TypeError):
        pickle.dumps(numbers)
    with pytest.raises(TypeError):
        copy.deepcopy(numbers)


def test_what_can_not_leave_is_named(session: Session) -> None:
    """get() of what can't cross is a TypeError, and the object is still there."""
    lock = session.call("threading:Lock")
    with pytest.raises(TypeError, match="lock"):
        lock.get()
    assert lock.locked().get() is False


def test_special_names_stay_away(session: Session) -> None:
    """Protocols that look for special attributes do not find the remote ones."""
    numbers = session.eval("[1]")
    with pytest.raises(AttributeError, match="__array_interface__"):
        numbers.__array_interface__  # noqa: B018 - the access is the test


def test_a_dropped_reference_frees_the_object(session: Session) -> None:
    """Dropping the last reference, in any thread, frees the object there."""
    session.exec("import weakref\nclass Thing: pass\n")
    thing = session.eval("Thing()")
    session.exec("alive = []")
    session.eval("lambda thing: alive.append(weakref.ref(thing))")(thing)
    box = [thing]
    del thing
    thread = threading.Thread(target=box.clear)
    thread.start()
    thread.join()
    until = time.monotonic() + 60
    while session.eval("alive[0]() is not None").get() and time.monotonic() < until:
        time.sleep(0.001)
    assert session.eval("alive[0]()").get() is None


def test_a_reference_that_outlives_its_session_is_harmless(pool: Pool) -> None:
    """Later use is SessionClosed, and dropping it is nothing."""
    with pool.session() as session:
        kept = session.eval("[1]")
        iterator = iter(kept)
    for use in (
        kept.get,
        lambda: kept.append(1),
        lambda: kept[0],
        lambda: list(kept),
        lambda: next(iterator),
        lambda: bool(kept),
        lambda: hasattr(kept, "a"),
    ):
        with pytest.raises(SessionClosed):
            use()
