"""Parses JSON lazily with SIMD instructions."""

import json

import simdjson

MADE_WITH = "Cython"
DISTRIBUTION = "pysimdjson"


def exercise() -> object:
    text = json.dumps({"rows": [{"id": k, "x": k / 3, "s": f"ü{k}"} for k in range(500)]}).encode()
    document = simdjson.Parser().parse(text)
    found = document.at_pointer("/rows/17/s"), document["rows"][499].as_dict()
    del document
    try:
        simdjson.loads("[1, ")
    except ValueError as error:
        failure = str(error)
    return found, simdjson.loads(text) == json.loads(text), failure
