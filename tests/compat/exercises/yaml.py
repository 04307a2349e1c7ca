"""Reads and writes YAML with libyaml, with a tag of its own."""

import yaml

MADE_WITH = "Cython"
DISTRIBUTION = "PyYAML"


class _Loader(yaml.CSafeLoader):
    pass


_Loader.add_constructor("!twice", lambda loader, node: loader.construct_scalar(node) * 2)


def exercise() -> object:
    text = "a: [1, 2.5, ~]\nb: &x {c: 2024-01-02, d: !twice ha}\ne: *x\n"
    value = yaml.load(text, Loader=_Loader)
    try:
        yaml.load("a: [", Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        failure = str(error)
    return value, yaml.dump(value, Dumper=yaml.CSafeDumper), failure
