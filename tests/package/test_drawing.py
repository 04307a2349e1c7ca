import xml.etree.ElementTree as ET

from sesha.package.dependencies import Dependencies
from sesha.package.drawing import svg

SVG = "{http://www.w3.org/2000/svg}"


def graph(*edges: tuple[str, str]) -> Dependencies:
    made = Dependencies()
    for source, target in edges:
        for name in (source, target):
            made.graph.set_node(name, "module")
        made.add(source, target, 3)
    return made


def places(drawn: ET.Element) -> dict[str, tuple[float, float]]:
    texts = drawn.iter(f"{SVG}text")
    return {str(text.text): (float(text.attrib["x"]), float(text.attrib["y"])) for text in texts}


def test_what_is_needed_stands_to_the_right() -> None:
    """Every node has a place of its own, behind all that need it."""
    edges = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("a", "d")]
    drawn = ET.fromstring(svg(graph(*edges)))  # noqa: S314 - made a line before
    found = places(drawn)
    assert len(set(found.values())) == len(found) == 4
    assert all(found[source][0] < found[target][0] for source, target in edges)
    assert len(list(drawn.iter(f"{SVG}path"))) == len(edges)


def test_cycles_and_deep_graphs_are_drawn() -> None:
    """A cycle is no obstacle, nor is a chain longer than Python's stack is deep."""
    cycle = ET.fromstring(svg(graph(("a", "b"), ("b", "a"))))  # noqa: S314
    assert set(places(cycle)) == {"a", "b"}
    chain = graph(*((f"m{index}", f"m{index + 1}") for index in range(3000)))
    assert len(places(ET.fromstring(svg(chain)))) == 3001  # noqa: S314


def test_names_are_escaped() -> None:
    """Names and hints are text, whatever characters are in them."""
    drawn = ET.fromstring(svg(graph(("<a & b>", '"c"'))))  # noqa: S314
    assert set(places(drawn)) == {"<a & b>", '"c"'}
    assert [title.text for title in drawn.iter(f"{SVG}title")] == ['<a & b>, line 3 → "c"']


def test_empty_graph_is_a_picture() -> None:
    """A package of nothing gives a valid picture of nothing."""
    assert places(ET.fromstring(svg(Dependencies()))) == {}  # noqa: S314
