import re

from sesha import errors as root
from sesha.package import errors


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    """Every exception stands in the module's docstring, below the one it derives from."""
    drawn = {}
    path: list[str] = []
    for line in str(errors.__doc__).splitlines():
        if match := re.match(r"    ([ │]*)(?:[├└]── )?([A-Z]\w+(?:Error))\b", line):
            depth = 0 if match[2] == "SeshaError" else len(match[1]) // 4 + 1
            path[depth:] = [match[2]]
            drawn[match[2]] = path[depth - 1] if depth else None
    classes = {
        name: value
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, root.SeshaError)
    }
    assert drawn.keys() == classes.keys()
    for name, parent in drawn.items():
        if parent is not None:
            assert classes[name].__bases__[0].__name__ == parent, name


def test_a_manifest_error_survives_pickling() -> None:
    """A ManifestError that crosses to another interpreter keeps its place and its text."""
    import pickle  # noqa: PLC0415 - used here alone

    error = pickle.loads(pickle.dumps(errors.ManifestError("$.name", "it is missing")))
    assert (error.where, str(error)) == ("$.name", "manifest.json: $.name: it is missing")
