from sesha.package.graph import DependencyGraph


def graph(*edges: str) -> DependencyGraph[str]:
    made: DependencyGraph[str] = DependencyGraph()
    for edge in edges:
        source, target = edge.split(">")
        for name in (source, target):
            made.set_node(name, name)
        made.add_edge(source, target)
    return made


def test_direct_dependencies() -> None:
    """What a node depends on, and what depends on it, come in the order they were added."""
    made = graph("a>b", "c>b", "a>d")
    assert made.get_deps("a") == ["b", "d"]
    assert made.get_rdeps("b") == ["a", "c"]
    assert made.get_rdeps("unknown") == []
    assert "b" in made
    assert list(made) == ["a", "b", "c", "d"]


def test_all_paths_holds_each_path_and_nothing_else() -> None:
    """The paths from one node to another are all found, side roads are left out."""
    made = graph("a>b", "b>d", "a>c", "c>d", "c>e", "x>b", "d>y")
    assert set(made.paths_between("a", "d")) == {("a", "b"), ("b", "d"), ("a", "c"), ("c", "d")}
    dot = made.all_paths("a", "d")
    assert '"a" -> "b";' in dot
    assert '"c" -> "e";' not in dot


def test_all_paths_of_long_names() -> None:
    """Names of any length are nodes, not strings of letters."""
    made = graph("alpha.one>beta.two", "beta.two>gamma.three")
    assert len(made.paths_between("alpha.one", "gamma.three")) == 2
    assert made.paths_between("gamma.three", "alpha.one") == []


def test_first_path_says_why() -> None:
    """The first path is a shortest chain from something that nothing depends on."""
    made = graph("root>a", "a>b", "b>c", "root>c")
    assert made.first_path("c") == ["root", "c"]
    assert made.first_path("b") == ["root", "a", "b"]
    assert made.first_path("root") == ["root"]


def test_cycles_end() -> None:
    """Cycles hang no question."""
    made = graph("a>b", "b>a")
    assert made.first_path("a") == ["a"]
    assert made.reachable("a") == {"a", "b"}
    assert set(made.paths_between("a", "b")) == {("a", "b"), ("b", "a")}


def test_dot_quotes_names() -> None:
    """Names with quotes in them stay one name in DOT."""
    made = graph('a"b>c')
    assert r'"a\"b" -> "c";' in made.to_dot()
    assert made.to_dot().startswith("digraph G {")
