"""Runs a two-layer network."""

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

MADE_WITH = "pybind11"
DISTRIBUTION = "onnxruntime"


def exercise() -> object:
    generator = np.random.default_rng(11)
    weights = [generator.standard_normal((8, 16)), generator.standard_normal((16, 4))]
    graph = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "w0"], ["h"]),
            helper.make_node("Relu", ["h"], ["r"]),
            helper.make_node("MatMul", ["r", "w1"], ["y"]),
        ],
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 4])],
        [numpy_helper.from_array(w.astype(np.float32), f"w{k}") for k, w in enumerate(weights)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    (result,) = session.run(None, {"x": np.ones((3, 8), np.float32)})
    try:
        onnxruntime.InferenceSession(b"no model")
    except Exception as error:
        failure = type(error).__name__
    return result.round(4).tolist(), failure
