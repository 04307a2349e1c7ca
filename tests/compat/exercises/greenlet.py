"""Switches between greenlets, with exceptions and in threads."""

import threading

import greenlet

MADE_WITH = "C++"
DISTRIBUTION = "greenlet"


def _pair() -> list[object]:
    log: list[object] = []

    def first(value: int) -> None:
        log.append(("first", value))
        log.append(("first", two.switch(value + 1)))

    def second(value: int) -> None:
        log.append(("second", value))
        one.switch(value + 1)

    one, two = greenlet.greenlet(first), greenlet.greenlet(second)
    one.switch(1)
    failing = greenlet.greenlet(lambda: 1 // 0)
    try:
        failing.switch()
    except ZeroDivisionError as error:
        log.append(str(error))
    return log


def exercise() -> object:
    results: list[object] = []
    threads = [threading.Thread(target=lambda: results.append(_pair())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _pair(), results
