from sesha.package.actions import Action, Node, PackagingErrorReason
from sesha.package.graph import DependencyGraph
from sesha.package.queries import DependencyQueries


class Known(DependencyQueries):
    """A pickle needs `b`, which needs one module of each kind."""

    def __init__(self) -> None:
        self._graph: DependencyGraph[Node] = DependencyGraph()
        self._graph.set_node("<saved.x.pkl>", Node(Action.INTERN, is_pickle=True))
        for name, node in {
            "b": Node(Action.INTERN, ""),
            "a": Node(Action.INTERN, ""),
            "outside": Node(Action.EXTERN),
            "left.out": Node(Action.MOCK),
            "forbidden": Node(error=PackagingErrorReason.DENIED),
            "broken": Node(error=PackagingErrorReason.NOT_FOUND),
        }.items():
            self._graph.set_node(name, node)
            self._graph.add_edge("<saved.x.pkl>" if name == "b" else "b", name)

    @property
    def dependency_graph(self) -> DependencyGraph[Node]:
        return self._graph


def test_modules_are_listed_by_what_becomes_of_them() -> None:
    """Each list has the modules of its kind, sorted; pickles are in none, nor is what is broken."""
    known = Known()
    assert known.interned_modules() == ["a", "b"]
    assert known.externed_modules() == ["outside"]
    assert known.mocked_modules() == ["left.out"]
    assert known.denied_modules() == ["forbidden"]


def test_graph_is_asked_and_drawn() -> None:
    """What needs a module, the paths to it, and the whole graph, are told."""
    known = Known()
    assert known.get_rdeps("a") == ["b"]
    assert known.all_paths("<saved.x.pkl>", "a").count("->") == 2
    assert known.dependency_graph_string().count("->") == 6
