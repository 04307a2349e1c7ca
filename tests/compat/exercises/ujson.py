"""Writes and reads JSON."""

import ujson

MADE_WITH = "C"
DISTRIBUTION = "ujson"


def exercise() -> object:
    value = {"list": [1, 2.5, None, True], "text": "žluť/</", "deep": {"er": [[[]]]}, "big": 2**60}
    try:
        ujson.loads("[1,")
    except ujson.JSONDecodeError as error:
        failure = str(error)
    return ujson.dumps(value, sort_keys=True), ujson.loads(ujson.dumps(value)) == value, failure
