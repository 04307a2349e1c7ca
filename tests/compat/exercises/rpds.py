"""Changes persistent maps, sets and lists."""

import rpds

MADE_WITH = "PyO3"
DISTRIBUTION = "rpds-py"


def exercise() -> object:
    empty = rpds.HashTrieMap()
    full = empty
    for k in range(200):
        full = full.insert(k, str(k))
    less = full.discard(5)
    return (
        len(empty),
        len(full),
        5 in less,
        sorted(less.items())[:6],
        list(rpds.List([1, 2]).push_front(0)),
        sorted(rpds.HashTrieSet([1, 2]).insert(3)),
    )
