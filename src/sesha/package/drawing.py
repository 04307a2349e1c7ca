"""Draws a dependency graph as SVG, in columns from what needs to what is needed.

Layers and crossings after Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of
Hierarchical System Structures" (IEEE SMC 11, 1981): cycles are opened, a node lies behind all that
need it, and a few sweeps order each column by the mean place of its neighbours.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sesha.package.dependencies import Dependencies

__all__ = ["svg"]

_COLOURS = {
    "entry point": "#ffd8a8",
    "pickle": "#d0bfff",
    "module": "#a5d8ff",
    "extern": "#e9ecef",
    "standard library": "#f8f9fa",
    "missing": "#ffc9c9",
}
_CHARACTER, _HEIGHT, _GAP, _COLUMN_GAP, _MARGIN = 7.3, 24, 10, 70, 20  # pixels
_SWEEPS = 8


def svg(dependencies: Dependencies) -> str:
    """The graph as an SVG document; hovering over an edge shows what it means."""
    columns = _columns(dependencies)
    widths = [
        max((_CHARACTER * len(name) + 16 for name in column), default=0.0) for column in columns
    ]
    height = max((len(column) for column in columns), default=0) * (_HEIGHT + _GAP) + 2 * _MARGIN
    places: dict[str, tuple[float, float, float]] = {}
    left = float(_MARGIN)
    for column, width in zip(columns, widths, strict=True):
        top = (height - len(column) * (_HEIGHT + _GAP)) / 2
        for row, name in enumerate(column):
            places[name] = (left, top + row * (_HEIGHT + _GAP), width)
        left += width + _COLUMN_GAP
    root = ET.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {left - _COLUMN_GAP + _MARGIN:.0f} {height:.0f}",
        attrib={"font-family": "monospace", "font-size": "12"},
    )
    for step in dependencies.steps:
        where = f"{step.source}, line {step.line}" if step.line else step.source
        _draw_edge(root, places[step.source], places[step.target], f"{where} → {step.target}")
    for name, place in places.items():
        _draw_node(root, name, place, _COLOURS[dependencies.graph.nodes[name]])
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _draw_edge(
    root: ET.Element,
    source: tuple[float, float, float],
    target: tuple[float, float, float],
    meaning: str,
) -> None:
    x1, y1 = source[0] + source[2], source[1] + _HEIGHT / 2
    x2, y2 = target[0], target[1] + _HEIGHT / 2
    bend = max(_COLUMN_GAP / 2, abs(x2 - x1) / 2)
    path = ET.SubElement(
        root,
        "path",
        d=f"M {x1:.1f} {y1:.1f} "
        f"C {x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}",
        fill="none",
        stroke="#868e96",
        attrib={"stroke-opacity": "0.6"},
    )
    ET.SubElement(path, "title").text = meaning


def _draw_node(root: ET.Element, name: str, place: tuple[float, float, float], colour: str) -> None:
    x, y, width = place
    ET.SubElement(
        root,
        "rect",
        x=f"{x:.1f}",
        y=f"{y:.1f}",
        width=f"{width:.1f}",
        height=f"{_HEIGHT}",
        rx="4",
        fill=colour,
        stroke="#495057",
    )
    ET.SubElement(root, "text", x=f"{x + 8:.1f}", y=f"{y + 16:.1f}").text = name


def _columns(dependencies: Dependencies) -> list[list[str]]:
    graph = dependencies.graph
    order = _topological(dependencies)
    position = {name: index for index, name in enumerate(order)}
    depth = dict.fromkeys(order, 0)
    for name in order:
        for target in graph.get_deps(name):
            # An edge against the order closes a cycle; it is drawn, but places nothing.
            if position[target] > position[name]:
                depth[target] = max(depth[target], depth[name] + 1)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in order:
        columns[depth[name]].append(name)
    for sweep in range(_SWEEPS):
        neighbours = graph.get_rdeps if sweep % 2 == 0 else graph.get_deps
        row = {name: index / len(column) for column in columns for index, name in enumerate(column)}
        for column in columns:
            means = {}
            for name in column:
                beside = [row[other] for other in neighbours(name) if other in row]
                means[name] = sum(beside) / len(beside) if beside else row[name]
            column.sort(key=means.__getitem__)
    return columns


def _topological(dependencies: Dependencies) -> list[str]:
    """All nodes, each before what it needs as far as cycles allow. Deep graphs don't recurse."""
    graph = dependencies.graph
    finished: list[str] = []
    seen: set[str] = set()
    for root in graph.nodes:
        if root in seen:
            continue
        seen.add(root)
        stack = [(root, iter(graph.get_deps(root)))]
        while stack:
            name, following = stack[-1]
            target = next((each for each in following if each not in seen), None)
            if target is None:
                finished.append(name)
                stack.pop()
            else:
                seen.add(target)
                stack.append((target, iter(graph.get_deps(target))))
    return finished[::-1]
