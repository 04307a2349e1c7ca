"""Makes, checks, infers the shapes of and evaluates a model."""

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

MADE_WITH = "nanobind"
DISTRIBUTION = "onnx"


def exercise() -> object:
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["h"]), helper.make_node("Relu", ["h"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, None])],
    )
    model = helper.make_model(graph)
    onnx.checker.check_model(model)
    inferred = onnx.shape_inference.infer_shapes(model)
    shape = [d.dim_value for d in inferred.graph.output[0].type.tensor_type.shape.dim]
    (result,) = ReferenceEvaluator(model).run(None, {"x": np.array([[1, -2, 3]] * 2, np.float32)})
    try:
        onnx.checker.check_model(b"no model")
    except Exception as error:
        failure = type(error).__name__
    return shape, result.tolist(), failure
