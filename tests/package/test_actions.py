import pickle

import pytest

from sesha.package import PackagingError, PackagingErrorReason
from sesha.package.actions import Action, Node, broken
from sesha.package.graph import DependencyGraph


def graph(reason: PackagingErrorReason, context: str | None = None) -> DependencyGraph[Node]:
    """A pickle needs `app`, whose line 7 imports `bad`; `other`, which it needs too, does so."""
    made: DependencyGraph[Node] = DependencyGraph()
    made.set_node("<saved.m.pkl>", Node(Action.INTERN, is_pickle=True))
    made.set_node("app", Node(Action.INTERN, ""))
    made.set_node("other", Node(Action.INTERN, ""))
    made.set_node("bad", Node(error=reason, context=context, lines={"app": 7}))
    made.add_edge("<saved.m.pkl>", "app")
    made.add_edge("app", "bad")
    made.add_edge("app", "other")
    made.add_edge("other", "bad")
    return made


@pytest.mark.parametrize("reason", PackagingErrorReason)
def test_every_reason_names_the_module_and_what_to_add(reason: PackagingErrorReason) -> None:
    """Whatever keeps a module out: the report has module, reason, chain with line, and remedy."""
    lines = str(PackagingError(graph(reason, "file: bad.so"))).splitlines()
    assert lines == [
        "1 dependency can't be packaged:",
        f"* bad {reason.value}",
        "    file: bad.so",
        "    needed by: <saved.m.pkl> -> app -> (line 7) bad",
        f"    to go on, add: {reason.remedy.format('bad')}",
    ]
    assert "{" not in lines[-1]


def test_debug_tells_every_chain() -> None:
    """With debug, the report has the chain through each module that needs the one in question."""
    text = str(PackagingError(graph(PackagingErrorReason.DENIED), debug=True))
    assert "also needed by: <saved.m.pkl> -> app -> other -> bad" in text
    assert "also needed by: <saved.m.pkl> -> app -> bad" in text


def test_problems_are_counted() -> None:
    """Several problems are one report, in the order in which they were found."""
    made = graph(PackagingErrorReason.DENIED)
    made.set_node("worse", Node(error=PackagingErrorReason.NOT_FOUND))
    text = str(PackagingError(made))
    assert text.startswith("2 dependencies can't be packaged:\n* bad ")
    assert text.index("* bad ") < text.index("* worse ")
    assert list(broken(made)) == ["bad", "worse"]


def test_error_survives_pickling() -> None:
    """The error crosses between processes and interpreters with its graph and its text."""
    error = PackagingError(graph(PackagingErrorReason.NO_ACTION), debug=True)
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert again.debug
    assert list(broken(again.dependency_graph)) == ["bad"]


def test_many_of_a_kind_are_told_as_one() -> None:
    """Several problems of one kind in one package are one entry, with a glob for all of them."""
    made: DependencyGraph[Node] = DependencyGraph()
    for name in ("lib.a", "other", "lib.b", "lib.c", "lib.d", "lib.e"):
        made.set_node(name, Node(error=PackagingErrorReason.IS_EXTENSION_MODULE))
    lines = str(PackagingError(made)).splitlines()
    assert lines[0] == "6 dependencies can't be packaged:"
    assert [line for line in lines if line.startswith("*")] == [
        "* lib.a is an extension module; only Python source can be interned",
        "* other is an extension module; only Python source can be interned",
    ]
    assert 'add: extern("lib.**")' in lines[2]
    assert lines[3] == "    so for 4 more: lib.b, lib.c, lib.d …"
    assert str(PackagingError(made, debug=True)).count("\n* ") == 6
