"""Parses connection strings, adapts values and composes SQL, without a server."""

import datetime
import decimal

import psycopg
from psycopg import adapt, conninfo, pq, sql
from psycopg.types.json import Jsonb

MADE_WITH = "Cython"
DISTRIBUTION = "psycopg"


def exercise() -> object:
    values = [
        1,
        2**40,
        1.5,
        "text",
        b"\0x",
        None,
        decimal.Decimal("1.20"),
        datetime.date(2024, 1, 2),
    ]
    transformer = adapt.Transformer()
    dumped = [
        None
        if value is None
        else bytes(transformer.get_dumper(value, adapt.PyFormat.BINARY).dump(value))
        for value in [*values, [1, 2], Jsonb({"a": 1})]
    ]
    transformer.set_loader_types([23, 25], pq.Format.TEXT)
    row = transformer.load_sequence([b"42", b"hello"])
    query = sql.SQL("select {} from {}").format(sql.Literal("it's"), sql.Identifier('a"b'))
    try:
        psycopg.connect("host=/nonexistent connect_timeout=2")
    except psycopg.OperationalError as error:
        failure = type(error).__name__
    return (
        pq.__impl__,
        conninfo.conninfo_to_dict("host=h port=5 dbname='a b'"),
        dumped,
        row,
        query.as_string(None),
        failure,
    )
