"""Packs and unpacks, with types of its own and a stream."""

import datetime

import msgpack

MADE_WITH = "Cython"
DISTRIBUTION = "msgpack"


def exercise() -> object:
    value = {
        "a": [1, 2.5, None, b"x"],
        "t": datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC),
        5: "ü",
    }
    packed = msgpack.packb(value, datetime=True)
    own = msgpack.packb({3, 1}, default=lambda s: msgpack.ExtType(7, bytes(sorted(s))))
    unpacker = msgpack.Unpacker()
    unpacker.feed(msgpack.packb([1, 2]) * 3)
    return (
        packed,
        msgpack.unpackb(packed, timestamp=3, strict_map_key=False) == value,
        msgpack.unpackb(own, ext_hook=lambda code, data: (code, list(data))),
        list(unpacker),
    )
