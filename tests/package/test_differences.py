import math
from pathlib import Path
from typing import Any

import pytest

from sesha.package.container import Container
from sesha.package.differences import Differences, FieldChange, MemberChange, compare
from tests.package import building
from tests.package.building import floats, tensors


def differences(tmp_path: Path, **options: Any) -> Differences:
    old = building.build(tmp_path / "old.sesha")
    new = building.build(tmp_path / "new.sesha", **options)
    with Container.open(old) as a, Container.open(new) as b:
        return compare(a, b)


def test_equal_packages_do_not_differ(tmp_path: Path) -> None:
    """Nothing differs between a package and another of the same content."""
    found = differences(tmp_path)
    assert not found
    assert found == Differences((), (), (), ())


def test_manifest_fields_are_compared(tmp_path: Path) -> None:
    """A field of the manifest that differs is shown with both values."""
    found = differences(tmp_path, version="2")
    assert found.fields == (FieldChange("version", "1", "2"),)
    assert found


def test_code_is_compared_by_lines(tmp_path: Path) -> None:
    """Added, removed and changed sources show their lines as a unified diff."""
    sources = {
        **building.SOURCES,
        "shop/alone.py": "LIMIT = 2\nMORE = 3\n",
        "shop/new.py": "x = 1\n",
    }
    del sources["shop/prices.py"]
    found = differences(tmp_path, sources=sources)
    assert {(each.name, each.kind) for each in found.members} == {
        ("shop/alone.py", "changed"),
        ("shop/new.py", "added"),
        ("shop/prices.py", "removed"),
    }
    by_name = {each.name: each for each in found.code}
    assert (by_name["shop/alone.py"].added, by_name["shop/alone.py"].removed) == (2, 1)
    assert "-LIMIT = 1" in by_name["shop/alone.py"].diff
    assert (by_name["shop/new.py"].added, by_name["shop/prices.py"].removed) == (1, 6)


def test_tensors_are_compared_by_elements(tmp_path: Path) -> None:
    """A tensor with other values shows how many differ and by how much; NaN equals NaN."""
    pytest.importorskip("numpy")
    weights = tensors(
        bias=("F32", [2], floats(1, 5)), weight=("F32", [2, 2], floats(1, 2, 3, math.nan))
    )
    (change,) = differences(tmp_path, weights=weights).tensors
    assert change.name == "objects/good.pkl.safetensors: bias"
    assert (change.kind, change.old, change.changed, change.largest) == ("changed", "F32[2]", 1, 3)


def test_tensors_come_go_and_change_shape(tmp_path: Path) -> None:
    """A tensor that is added, removed or of another shape is shown as such."""
    weights = tensors(weight=("F32", [4], floats(1, 2, 3, 4)), extra=("BF16", [1], b"\x80\x3f"))
    found = differences(tmp_path, weights=weights)
    assert [
        (each.name.rpartition(" ")[2], each.kind, each.old, each.new) for each in found.tensors
    ] == [
        ("bias", "removed", "F32[2]", None),
        ("extra", "added", None, "BF16[1]"),
        ("weight", "changed", "F32[2, 2]", "F32[4]"),
    ]


def test_bfloat16_is_compared_by_value(tmp_path: Path) -> None:
    """bfloat16, which numpy lacks, is compared as the numbers that it stands for."""
    pytest.importorskip("numpy")
    old = building.build(
        tmp_path / "a.sesha", weights=tensors(x=("BF16", [2], b"\x80\x3f\x00\x40"))
    )
    new = building.build(
        tmp_path / "b.sesha", weights=tensors(x=("BF16", [2], b"\x80\x3f\x40\x40"))
    )
    with Container.open(old) as a, Container.open(new) as b:
        (change,) = compare(a, b).tensors
    assert (change.changed, change.largest) == (1, 1.0)


def test_sizes_of_changed_members(tmp_path: Path) -> None:
    """A member that only one package has has a size on that side only."""
    found = differences(tmp_path, sources={**building.SOURCES, "shop/new.py": "x = 1\n"})
    assert MemberChange("shop/new.py", None, 6) in found.members
