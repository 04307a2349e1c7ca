"""Codes structs as JSON and MessagePack, and validates."""

import msgspec

MADE_WITH = "C"
DISTRIBUTION = "msgspec"


class User(msgspec.Struct, tag=True):
    name: str
    age: int | None = None
    friends: list["User"] = []


def exercise() -> object:
    user = User("ann", 7, [User("bob")])
    packed = msgspec.msgpack.encode(user)
    try:
        msgspec.json.decode(b'{"type": "User", "name": 1}', type=User)
    except msgspec.ValidationError as error:
        failure = str(error)
    return (
        msgspec.json.encode(user),
        packed,
        msgspec.msgpack.decode(packed, type=User) == user,
        msgspec.to_builtins(msgspec.convert({"name": "c", "type": "User"}, User)),
        failure,
    )
