import io
import sys

import pytest

from sesha.package import progress


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self) -> bool:
        return True


def run(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO | None, patience: float) -> str:
    """What is printed while something of 2 MiB is half done."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(progress, "_PATIENCE", patience)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with progress.watched("packing it", 2 << 20) as advance:
        advance(1 << 19)
        advance(1 << 19)
    return stream.getvalue() if stream else ""


def test_shows_what_is_done_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes long has a bar with its name and the bytes done, which goes away at the end."""
    pytest.importorskip("rich")
    text = run(monkeypatch, Terminal(), patience=0)
    assert "packing it" in text
    assert "/2.0 MiB" in text
    assert text.rstrip().endswith("\x1b[2K")


def test_shows_nothing_of_what_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done before the bar would appear prints nothing."""
    assert run(monkeypatch, Terminal(), patience=3600) == ""


@pytest.mark.parametrize("stream", [io.StringIO(), None], ids=["pipe", "closed"])
def test_shows_nothing_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO | None
) -> None:
    """Into a pipe, or where there is no stderr at all, nothing is printed."""
    assert run(monkeypatch, stream, patience=0) == ""


def test_exception_takes_the_bar_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception passes, and leaves the cursor shown."""
    pytest.importorskip("rich")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(progress, "_PATIENCE", 0)
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(KeyError), progress.watched("packing it") as advance:
        advance(1)
        raise KeyError
    assert "\x1b[?25h" in terminal.getvalue()
