"""Parses XML, JSON and CSV, matches, and works with time zones, pickles and Unicode."""

import copy
import csv
import datetime
import io
import json
import pickle
import pyexpat
import re
import unicodedata
import zoneinfo
from xml.etree import ElementTree

MADE_WITH = "C"
DISTRIBUTION = ""


class _Node:
    def __init__(self, value: object) -> None:
        self.value, self.me = value, self


def exercise() -> object:
    tree = ElementTree.fromstring("<a><b n='1'>x</b><b n='2'/></a>")
    try:
        ElementTree.fromstring("<a>")
    except ElementTree.ParseError as error:
        failure = str(error)
    when = datetime.datetime(2024, 7, 1, 12, tzinfo=zoneinfo.ZoneInfo("America/New_York"))
    node = pickle.loads(pickle.dumps(_Node({1, 2})))
    out = io.StringIO()
    csv.writer(out).writerows([["a,b", 1], ['"', None]])
    return (
        [each.get("n") for each in tree.iter("b")],
        failure,
        when.isoformat(),
        node.me is node and copy.deepcopy(node).value,
        out.getvalue(),
        json.loads(json.dumps({"x": [1.5, None, "ž"]})),
        re.sub(r"(\w+) (\w+)", r"\2 \1", "hello world"),
        unicodedata.normalize("NFD", "ž"),
        pyexpat.EXPAT_VERSION,
    )
