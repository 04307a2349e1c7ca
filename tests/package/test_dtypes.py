import sys
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as npst

from sesha.package import canonical, dtypes
from sesha.package.errors import PackError, TensorsError


@given(
    npst.scalar_dtypes()
    | npst.array_dtypes(allow_subarrays=True)
    | npst.nested_dtypes(max_itemsize=200)
)
def test_numpy_dtypes_come_back_from_their_names(dtype: "np.dtype[Any]") -> None:
    """Scalars, records, sub-arrays, dates and texts of either byte order survive as JSON."""
    name = canonical.decode(canonical.encode(dtypes.numpy_name(dtype)))
    again = dtypes.numpy_dtype(name)
    assert again == dtype
    assert again.itemsize == dtype.itemsize


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4"])
def test_dtypes_of_ml_dtypes_come_back(name: str) -> None:
    """Types that numpy lacks are named with the library that has them."""
    dtype = np.dtype(getattr(ml_dtypes, name))
    assert dtypes.numpy_name(dtype) == f"ml_dtypes.{name}"
    assert dtypes.numpy_dtype(f"ml_dtypes.{name}") == dtype


def test_records_keep_their_padding() -> None:
    """Offsets, size and alignment of a C structure are kept."""
    dtype = np.dtype([("a", "u1"), ("b", "<f8"), ("c", "<i4", (2, 3))], align=True)
    again = dtypes.numpy_dtype(dtypes.numpy_name(dtype))
    assert again.fields == dtype.fields
    assert (again.itemsize, again.isalignedstruct) == (dtype.itemsize, True)


@pytest.mark.parametrize("dtype", ["O", [("a", "O")], np.dtype(("O", (2,)))])
def test_python_objects_have_no_name(dtype: object) -> None:
    """An array that refers to Python objects can't be a member."""
    with pytest.raises(PackError):
        dtypes.numpy_name(np.dtype(dtype))  # type: ignore[call-overload]


def record(names: list[Any], formats: list[Any], offsets: list[Any], size: int) -> canonical.Json:
    return {
        "names": names,
        "formats": formats,
        "offsets": offsets,
        "titles": [None] * len(names),
        "itemsize": size,
        "aligned": False,
    }


def test_a_record_has_a_dtype() -> None:
    """The records that the next test takes apart are sound otherwise."""
    assert dtypes.numpy_dtype(record(["a"], ["<f8"], [0], 8)) == np.dtype([("a", "<f8")])


@pytest.mark.parametrize(
    "name",
    [
        "O",
        "|O",
        "|O8",
        "object",
        "<f8,O",
        "f8",
        "",
        5,
        None,
        [],
        ["|O", [2]],
        ["<f8", [-1]],
        ["<f8", [True]],
        ["<f8", 3],
        record(["a"], ["|O"], [0], 8),
        record(["a"], ["<f8"], [4], 8),
        record(["a", "a"], ["<f8", "<f8"], [0, 8], 16),
        record(["a", "b"], ["<f8"], [0, 8], 16),
        record(["a"], ["<f8"], [0], 1 << 40),
        record(["a"], ["<f8"], [0], -8),
        record([1], ["<f8"], [0], 8),
        {"names": [], "formats": []},
        "|V9999999999",
        "<M8[1000000000s]",
        "<M8[xx]",
        "ml_dtypes.finfo",
        "ml_dtypes.__name__",
        "ml_dtypes.none",
    ],
)
def test_a_name_that_is_none_is_refused(name: canonical.Json) -> None:
    """What names no dtype, or one with Python objects, is a TensorsError."""
    with pytest.raises(TensorsError):
        dtypes.numpy_dtype(name)


def test_a_deep_name_is_refused() -> None:
    """Nesting is bounded."""
    name: canonical.Json = "<f8"
    for _ in range(1000):
        name = [name, [1]]
    with pytest.raises(TensorsError, match="nested"):
        dtypes.numpy_dtype(name)


def test_looking_for_arrays_imports_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without numpy nothing is an array, and it is not imported to find out."""
    array = np.zeros(1)
    assert dtypes.is_array(array)
    monkeypatch.delitem(sys.modules, "numpy")
    assert not dtypes.is_array(sys)
    without_numpy = dtypes.is_array(array)
    assert not without_numpy
    assert "numpy" not in sys.modules


@pytest.mark.torch
def test_every_dtype_of_torch_comes_back() -> None:
    """All dtypes but the quantised ones are found again by their names."""
    import torch  # noqa: PLC0415 - where it is installed

    found = {value for value in vars(torch).values() if isinstance(value, torch.dtype)}
    assert len(found) > 30
    for dtype in found:
        name = dtypes.torch_name(dtype)
        if name.startswith("torch.q"):
            with pytest.raises(TensorsError):
                dtypes.torch_dtype(name)
        else:
            assert dtypes.torch_dtype(name) is dtype


@pytest.mark.torch
@pytest.mark.parametrize(
    "name", ["torch.nn", "torch.load", "torch.none", "torch.", "torch.os.system"]
)
def test_other_names_of_torch_are_no_dtypes(name: str) -> None:
    """A name in torch that is no dtype is refused."""
    with pytest.raises(TensorsError):
        dtypes.torch_dtype(name)
