"""Names for the dtypes of torch and numpy, as they stand in a package, and back.

A name is JSON: `"torch.float32"`; `"ml_dtypes.bfloat16"`; numpy's own string such as `"<f4"`,
`"<M8[ns]"` or `"|S5"`; for a sub-array `[base, [2, 3]]`; for a record `{"names": …, "formats": …,
"offsets": …, "titles": …, "itemsize": …, "aligned": …}`. Reading makes no dtype that holds Python
objects.
"""

import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sesha.package.canonical import Json
from sesha.package.errors import PackError, TensorsError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from typing_extensions import TypeIs

TORCH = "torch."
_ML_DTYPES = "ml_dtypes."
_TORCH_NAME = re.compile(r"torch\.([a-pr-z][a-z0-9_]{1,30})")  # no q: quantised types are more
_ML_NAME = re.compile(r"ml_dtypes\.([a-z][a-z0-9_]{1,30})")
_NUMPY_NAME = re.compile(
    r"[<>|](b1|[iu][1248]|f(2|4|8|12|16)|c(8|16|24|32)|[SV][0-9]{1,9}|U[0-9]{1,8}"
    r"|[mM]8(\[[0-9]{0,9}[A-Za-z]{1,2}\])?)"
)
_MAX_NESTING = 16
_MAX_FIELDS = 10_000

# What safetensors calls an element; others are stored as their bytes, U8.
SAFETENSORS: Mapping[str, str] = {
    "torch.float64": "F64",
    "torch.float32": "F32",
    "torch.float16": "F16",
    "torch.bfloat16": "BF16",
    "torch.int64": "I64",
    "torch.int32": "I32",
    "torch.int16": "I16",
    "torch.int8": "I8",
    "torch.uint64": "U64",
    "torch.uint32": "U32",
    "torch.uint16": "U16",
    "torch.uint8": "U8",
    "torch.bool": "BOOL",
    "torch.complex64": "C64",
    "torch.float8_e4m3fn": "F8_E4M3",
    "torch.float8_e4m3fnuz": "F8_E4M3FNUZ",
    "torch.float8_e5m2": "F8_E5M2",
    "torch.float8_e5m2fnuz": "F8_E5M2FNUZ",
    "ml_dtypes.bfloat16": "BF16",
    "ml_dtypes.float8_e4m3fn": "F8_E4M3",
    "ml_dtypes.float8_e5m2": "F8_E5M2",
    "<f8": "F64",
    "<f4": "F32",
    "<f2": "F16",
    "<i8": "I64",
    "<i4": "I32",
    "<i2": "I16",
    "|i1": "I8",
    "<u8": "U64",
    "<u4": "U32",
    "<u2": "U16",
    "|u1": "U8",
    "|b1": "BOOL",
    "<c8": "C64",
}


def torch_name(dtype: "torch.dtype") -> str:
    """The name of torch's `dtype`."""
    return str(dtype)


def numpy_name(dtype: "np.dtype[Any]") -> Json:
    """The name of numpy's `dtype`.

    Raises:
        PackError: It is one of a third library that is not ml_dtypes, or holds Python objects.
    """
    if dtype.type.__module__ == "ml_dtypes":
        return _ML_DTYPES + dtype.name
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return [numpy_name(base), [*shape]]
    if dtype.fields is not None and dtype.names is not None:
        fields = [dtype.fields[name] for name in dtype.names]
        return {
            "names": [*dtype.names],
            "formats": [numpy_name(field[0]) for field in fields],
            "offsets": [field[1] for field in fields],
            "titles": [_title(field) for field in fields],
            "itemsize": dtype.itemsize,
            "aligned": dtype.isalignedstruct,
        }
    if not _NUMPY_NAME.fullmatch(dtype.str) or dtype.hasobject:
        raise PackError(f"an array of dtype {dtype} can't be kept as a member of a package")
    return dtype.str


def _title(field: tuple[Any, ...]) -> Json:
    title = field[2] if len(field) > 2 else None  # noqa: PLR2004 - dtype, offset, title
    if title is None or isinstance(title, str):
        return title
    raise PackError(f"a field's title is {title!r}; only strings can be kept")


def torch_dtype(name: str) -> "torch.dtype":
    """The dtype of torch with that name.

    Raises:
        TensorsError: This torch has none; imports torch.
    """
    import torch

    match = _TORCH_NAME.fullmatch(name)
    dtype = getattr(torch, match[1], None) if match else None
    if not isinstance(dtype, torch.dtype):
        raise TensorsError(f"torch {torch.__version__} has no dtype {name[:40]!a}; use a newer one")
    return dtype


def numpy_dtype(name: Json) -> "np.dtype[Any]":
    """The dtype of numpy with that name.

    Raises:
        TensorsError: There is none, or it would hold Python objects; imports numpy.
    """
    import numpy as np

    if isinstance(name, str) and (match := _ML_NAME.fullmatch(name)):
        return _ml_dtype(match[1])
    try:
        dtype: np.dtype[Any] = np.dtype(_specification(name, 0))
    except (TypeError, ValueError, SyntaxError, OverflowError, MemoryError) as error:
        raise TensorsError(f"there is no dtype {ascii(name)[:100]}: {error}") from error
    if dtype.hasobject:
        raise TensorsError(f"the dtype {ascii(name)[:100]} would hold Python objects")
    return dtype


def _ml_dtype(name: str) -> "np.dtype[Any]":
    import numpy as np

    try:
        import ml_dtypes

        dtype: np.dtype[Any] = np.dtype(getattr(ml_dtypes, name))
    except (ImportError, AttributeError, TypeError) as error:
        raise TensorsError(
            f"the package has arrays of dtype ml_dtypes.{name}, which this Python lacks: "
            "pip install --upgrade ml-dtypes"
        ) from error
    # numpy makes a dtype of Python objects of any other class, such as ml_dtypes.finfo.
    if dtype.type.__module__ != "ml_dtypes":
        raise TensorsError(f"ml_dtypes.{name} is no dtype")
    return dtype


def _specification(name: Json, depth: int) -> Any:
    """What numpy makes a dtype of; no part of it is taken on trust."""
    if depth > _MAX_NESTING:
        raise TensorsError(f"a dtype is nested deeper than {_MAX_NESTING} levels")
    match name:
        case str() if _NUMPY_NAME.fullmatch(name):
            return name
        case str() if _ML_NAME.fullmatch(name):
            return numpy_dtype(name)
        case [base, list(shape)] if all(_is_size(extent) for extent in shape):
            return (_specification(base, depth + 1), tuple(shape))
        case {
            "names": list(names),
            "formats": list(formats),
            "offsets": list(offsets),
            "titles": list(titles),
            "itemsize": int(itemsize),
            "aligned": bool(aligned),
        } if (
            len(names) == len(formats) == len(offsets) == len(titles) <= _MAX_FIELDS
            and all(isinstance(field, str) for field in names)
            and all(_is_size(offset) for offset in offsets)
            and all(title is None or isinstance(title, str) for title in titles)
            and _is_size(itemsize)
        ):
            return {
                "names": names,
                "formats": [_specification(form, depth + 1) for form in formats],
                "offsets": offsets,
                "titles": titles,
                "itemsize": itemsize,
                "aligned": aligned,
            }
    raise TensorsError(f"there is no dtype {ascii(name)[:100]}")


def _is_size(value: Json) -> bool:
    return type(value) is int and 0 <= value < 1 << 31


def is_array(obj: object) -> "TypeIs[np.ndarray[Any, Any]]":
    """Whether `obj` is a `numpy.ndarray`; imports nothing."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(obj, numpy.ndarray)
