from pathlib import Path

import pytest

from sesha.package.container import Container
from sesha.package.dependencies import Dependencies, Step, read_dependencies
from sesha.package.errors import PackageError, PickleError
from tests.package import building


@pytest.fixture
def found(tmp_path: Path) -> Dependencies:
    with Container.open(building.build(tmp_path / "a.sesha")) as container:
        return read_dependencies(container)


def test_nodes_have_their_kinds(found: Dependencies) -> None:
    """Entry points, pickles, modules, externs, the standard library, and what is missing."""
    assert found.graph.nodes == {
        "entry point default": "entry point",
        "objects/good.pkl": "pickle",
        "shop": "module",
        "shop.goods": "module",
        "shop.prices": "module",
        "shop.alone": "module",
        "math": "standard library",
        "numpy": "extern",
        "gone": "missing",
    }


def test_chain_says_why(found: Dependencies) -> None:
    """A chain leads from an entry point to a module, with the lines that import."""
    assert found.why("numpy") == [
        Step("entry point default", "objects/good.pkl", 0),
        Step("objects/good.pkl", "shop.goods", 0),
        Step("shop.goods", "shop.prices", 3),
        Step("shop.prices", "numpy", 1),
    ]


def test_module_that_nothing_imports_has_no_chain(found: Dependencies) -> None:
    """What no source leads to has an empty chain; an unknown name is an error."""
    assert found.why("shop.alone") == []
    with pytest.raises(PackageError, match="nowhere"):
        found.why("nowhere")


def test_kinds_can_be_left_out(found: Dependencies) -> None:
    """A graph without some kinds has neither their nodes nor their edges."""
    rest = found.without("extern", "missing", "standard library")
    assert set(rest.graph.nodes.values()) == {"entry point", "pickle", "module"}
    assert all(step.target in rest.graph for step in rest.steps)


def test_only_what_leads_somewhere(found: Dependencies) -> None:
    """Between the entry points and a module lies just what is on a way to it."""
    rest = found.between("shop.prices")
    assert "math" not in rest.graph
    assert "shop.alone" not in rest.graph
    assert Step("shop.goods", "shop.prices", 3) in list(rest.steps)


def test_damage_is_named(tmp_path: Path) -> None:
    """A source that is no Python and a damaged pickle are errors that name the member."""
    sources = {**building.SOURCES, "shop/alone.py": "def ("}
    with (
        Container.open(building.build(tmp_path / "a.sesha", sources=sources)) as container,
        pytest.raises(PackageError, match=r"shop/alone\.py"),
    ):
        read_dependencies(container)
    with (
        Container.open(building.build(tmp_path / "b.sesha", pickle=b"\x80\x04\x93.")) as container,
        pytest.raises(PickleError, match=r"objects/good\.pkl"),
    ):
        read_dependencies(container)
