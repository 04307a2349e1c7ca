import contextlib
import sys
import tracemalloc
from collections.abc import Iterator

import pytest

from sesha.package.container import Container
from sesha.package.tensor_reader import TensorReader
from tests.attacks import hostile

# What reading may take beyond a multiple of the file: the interpreter's own buffers and caches.
ALLOWANCE = 8 << 20
# A byte of JSON becomes at most so many of Python's objects before a limit stops it.
FACTOR = 12


FORBIDDEN = {"exec", "import", "pickle.find_class", "os.system", "subprocess.Popen"}
# Audit hooks stay for good, so there is one, which looks while `nothing_runs` is entered.
watching: list[list[str]] = []


@pytest.fixture(scope="module", autouse=True)
def audit() -> None:
    """Has `nothing_runs` hear of what is executed, and imports what reading needs beforehand."""
    import numpy as np  # noqa: PLC0415 - where it is installed

    assert np.zeros(1).size == 1
    Container.open(hostile.package()).verify()

    def hook(event: str, _: tuple[object, ...]) -> None:
        if watching and event in FORBIDDEN:
            watching[-1].append(event)

    sys.addaudithook(hook)


@contextlib.contextmanager
def nothing_runs(data: bytes) -> Iterator[None]:
    """Checks that within nothing is compiled, imported, unpickled or started, nor memory wasted."""
    heard: list[str] = []
    watching.append(heard)
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        watching.pop()
    assert heard == []
    assert peak < ALLOWANCE + FACTOR * len(data)


def test_the_watch_hears_what_runs() -> None:
    """The check that the attacks are made under fails for code that does run, and for waste."""
    with pytest.raises(AssertionError, match="exec"), nothing_runs(b""):
        exec("1")  # noqa: S102 - what must be heard
    with pytest.raises(AssertionError), nothing_runs(b""):
        bytes(ALLOWANCE + 1)


def test_the_file_that_attacks_are_made_of_is_sound() -> None:
    """Undamaged, it opens, verifies, and has the tensors it declares."""
    with Container.open(hostile.package()) as container:
        container.verify()
        assert TensorReader(container).header("model/model.safetensors").entries.keys() == {"w"}


@pytest.mark.parametrize("name", hostile.OPENING)
def test_a_hostile_file_does_not_open(name: str) -> None:
    """Opening it is the one error of the rule it breaks, at a cost bounded by its size."""
    attack = hostile.OPENING[name]
    data = attack.make()
    with nothing_runs(data), pytest.raises(attack.error) as caught:
        Container.open(data)
    assert type(caught.value) is attack.error
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("name", hostile.READING)
def test_a_hostile_member_is_not_read(name: str) -> None:
    """It opens, but the altered source is never given out."""
    attack = hostile.READING[name]
    with Container.open(attack.make()) as container:
        with pytest.raises(attack.error):
            container.read("code/__init__.py")
        with pytest.raises(attack.error):
            container.verify()


@pytest.mark.parametrize("name", hostile.MAPPING)
def test_a_hostile_tensor_is_not_made(name: str) -> None:
    """A tensor that does not fit its file is an error, and no array beyond the file is made."""
    attack = hostile.MAPPING[name]
    data = attack.make()
    with Container.open(data) as container:
        reader = TensorReader(container)
        with nothing_runs(data), pytest.raises(attack.error) as caught:
            reader.get(("model/model.safetensors", 0))
    assert type(caught.value) is attack.error
