import copyreg
import operator
import sys
from collections.abc import Callable
from types import ModuleType, new_class
from typing import Any

import pytest

from sesha.package import mocks


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module `gone.tools` made of the source that stands in for mocked ones."""
    implementation = ModuleType(mocks.IMPLEMENTATION_MODULE)
    exec(mocks.IMPLEMENTATION, implementation.__dict__)  # noqa: S102 - as packages import it
    monkeypatch.setitem(sys.modules, mocks.IMPLEMENTATION_MODULE, implementation)
    made = ModuleType("gone.tools")
    exec(mocks.MODULE, made.__dict__)  # noqa: S102
    return made


def test_any_name_is_there(module: ModuleType) -> None:
    """Whatever is asked of a mocked module is an object that knows where it would come from."""
    assert repr(module.Anything) == "MockedObject(gone.tools.Anything)"


def test_names_of_the_language_are_not(module: ModuleType) -> None:
    """What Python itself looks for in a module, such as __path__, is not made up."""
    assert not hasattr(module, "__path__")
    assert not hasattr(module, "__wrapped__")


USES: dict[str, Callable[[Any], object]] = {
    "call": lambda mocked: mocked(1),
    "getattr": lambda mocked: mocked.attribute,
    "setattr": lambda mocked: setattr(mocked, "attribute", 1),
    "getitem": operator.itemgetter(0),
    "iter": iter,
    "len": len,
    "bool": bool,
    "eq": lambda mocked: mocked == 1,
    "hash": hash,
    "add": lambda mocked: mocked + 1,
    "radd": lambda mocked: 1 + mocked,
    "enter": lambda mocked: mocked.__enter__(),
    "instancecheck": lambda mocked: isinstance(1, mocked),
}


@pytest.mark.parametrize("use", USES)
def test_use_is_an_error_that_names_the_object(module: ModuleType, use: str) -> None:
    """Any use of a mocked object is an error that names it and what to change."""
    with pytest.raises(NotImplementedError) as caught:
        USES[use](module.Thing)
    assert str(caught.value).startswith("gone.tools.Thing was mocked when the package was written")
    assert str(caught.value).endswith("pack it again with its module interned or extern")


def test_subclass_of_a_mocked_class_is_refused(module: ModuleType) -> None:
    """A class can't be derived from what isn't there."""
    with pytest.raises(NotImplementedError, match="as a base class"):
        new_class("Child", (module.Base,))


def test_object_of_a_pickle_is_refused(module: ModuleType) -> None:
    """An instance of a mocked class, as a pickle would make it, is refused."""
    with pytest.raises(NotImplementedError, match="was mocked"):
        copyreg.__newobj__(type(module.Thing))  # type: ignore[attr-defined]  # typeshed leaves it out


def test_name_is_without_the_prefix_of_an_opened_package(module: ModuleType) -> None:
    """The name in errors is the one that the packaged code knows."""
    made = type(module.Thing)("_sesha_package_12.gone.Thing", _suppress_err=True)
    assert repr(made) == "MockedObject(gone.Thing)"
