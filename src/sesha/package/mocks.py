"""Source of what stands in for mocked modules in a package."""

from __future__ import annotations

__all__ = ["IMPLEMENTATION", "IMPLEMENTATION_MODULE", "MODULE"]

IMPLEMENTATION_MODULE = "_mock"

MODULE = '''\
"""A mock: this module was left out when the package was written."""

from _mock import MockedObject


def __getattr__(name):
    if name.startswith("__") and name.endswith("__"):
        raise AttributeError(name)
    return MockedObject(__name__ + "." + name, _suppress_err=True)
'''

IMPLEMENTATION = '''\
"""Objects that stand in for those of mocked modules: they can be named, not used."""

import re

_OPERATIONS = """
abs add aenter aexit aiter and anext await bool bytes call ceil complex contains copy deepcopy
delattr delitem divmod enter eq exit float floor floordiv ge getattr getitem gt hash iadd iand
ifloordiv ilshift imatmul imod imul index instancecheck int invert ior ipow irshift isub iter
itruediv ixor le len lshift lt matmul mod mul ne neg next or pos pow radd rand rdivmod reduce
reversed rfloordiv rlshift rmatmul rmod rmul ror round rpow rrshift rshift rsub rtruediv rxor set
setattr setitem sub subclasscheck truediv trunc xor
""".split()


class MockedObject:
    def __new__(cls, *args, **kwargs):
        if not kwargs.get("_suppress_err"):
            raise NotImplementedError(
                f"an object of a module that was mocked when the package was written is needed to "
                f"make {args!r}; pack it again with that module interned or extern"
            )
        return super().__new__(cls)

    def __init__(self, name, _suppress_err):
        # Without the prefix under which the package was opened.
        self.__dict__["_name"] = re.sub(r"^_sesha_package_[0-9]+[.]", "", name)

    def __repr__(self):
        return f"MockedObject({self._name})"

    def __mro_entries__(self, bases):
        raise _refusal(self, "as a base class")


def _refusal(mocked, use):
    return NotImplementedError(
        f"{mocked._name} was mocked when the package was written, but it is used {use}; "
        "pack it again with its module interned or extern"
    )


def _install(operation):
    def refuse(self, *args, **kwargs):
        raise _refusal(self, f"in __{operation}__")

    setattr(MockedObject, f"__{operation}__", refuse)


for _operation in _OPERATIONS:
    _install(_operation)
'''
