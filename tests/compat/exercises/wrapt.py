"""Decorates functions and proxies objects."""

import wrapt

MADE_WITH = "C"
DISTRIBUTION = "wrapt"


@wrapt.decorator
def _twice(
    wrapped: object, instance: object, args: tuple[object, ...], kwargs: dict[str, object]
) -> object:
    return [wrapped(*args, **kwargs), instance is None]


@_twice
def _add(a: int, b: int) -> int:
    return a + b


class _Kind:
    @_twice
    def method(self, value: int) -> int:
        return -value


def exercise() -> object:
    proxy = wrapt.ObjectProxy([1, 2])
    proxy.append(3)
    return _add(1, b=2), _Kind().method(3), list(proxy), isinstance(proxy, list), _add.__name__
