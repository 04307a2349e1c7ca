"""Flattens and maps nested containers, with a type of its own."""

import optree

MADE_WITH = "pybind11"
DISTRIBUTION = "optree"


@optree.register_pytree_node_class(namespace="sesha")
class Pair:
    def __init__(self, a: object, b: object) -> None:
        self.a, self.b = a, b

    def __tree_flatten__(self) -> tuple[tuple[object, ...], None, None]:
        return (self.a, self.b), None, None

    @classmethod
    def __tree_unflatten__(cls, _: None, children: tuple[object, ...]) -> "Pair":
        return cls(*children)


def exercise() -> object:
    tree = {"b": [1, (2, None)], "a": Pair(3, {"x": 4})}
    leaves, spec = optree.tree_flatten(tree, namespace="sesha")
    doubled = optree.tree_map(lambda x: x * 2, tree, namespace="sesha")
    return leaves, spec.num_nodes, doubled["b"], (doubled["a"].a, doubled["a"].b)
