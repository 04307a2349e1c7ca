import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.cli.running import run, run_json


def test_graph_as_text_dot_and_svg(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha graph` prints the tree, says why a module is in, and draws DOT and SVG."""
    code, out, _ = run(capsys, "graph", package, "--externs")
    assert code == 0
    assert "entry point default" in out
    assert "numpy" in out
    _, out, _ = run(capsys, "graph", package, "--why", "shop.prices")
    assert "shop.goods, line 3 needs shop.prices" in out
    _, out, _ = run(capsys, "graph", package, "--format", "dot")
    assert '"shop.goods" -> "shop.prices";' in out
    picture = package.with_name("graph.svg")
    run(capsys, "graph", package, "-o", picture)
    assert ET.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314
    _, found = run_json(capsys, "graph", package, "--why", "numpy")
    assert [step["target"] for step in found["why"]][-1] == "numpy"
