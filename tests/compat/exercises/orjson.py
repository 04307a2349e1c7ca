"""Writes and reads JSON with dates, dataclasses and arrays."""

import dataclasses
import datetime
import uuid

import numpy as np
import orjson

MADE_WITH = "PyO3's FFI layer"
DISTRIBUTION = "orjson"


@dataclasses.dataclass
class Point:
    x: int
    y: float


def exercise() -> object:
    value = {
        "point": Point(1, 2.5),
        "when": datetime.datetime(2024, 1, 2, 3, 4, tzinfo=datetime.UTC),
        "id": uuid.UUID(int=5),
        "array": np.arange(6.0).reshape(2, 3),
        "text": "žluťoučký 🐎",
        "other": {1, 2},
    }
    text = orjson.dumps(
        value, default=sorted, option=orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_SORT_KEYS
    )
    try:
        orjson.loads(b'{"a": ')
    except orjson.JSONDecodeError as error:
        failure = str(error)
    return text, orjson.loads(text), failure
