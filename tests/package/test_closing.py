import pytest

from sesha.package.closing import Closing


class Door(Closing):
    """Counts how often it is closed."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


def test_block_gives_the_object_and_closes_it() -> None:
    """A with block has the object itself, open until its end."""
    door = Door()
    with door as inside:
        assert inside is door
        assert door.closed == 0
    assert door.closed == 1


def test_exception_closes_and_passes() -> None:
    """An exception closes it too, and is not swallowed."""
    door = Door()
    with pytest.raises(KeyError), door:
        raise KeyError
    assert door.closed == 1


def test_what_has_no_close_can_not_be_made() -> None:
    """A class that forgets its close is an error as soon as it is used."""
    with pytest.raises(TypeError, match="close"):
        type("Forgetful", (Closing,), {})()
