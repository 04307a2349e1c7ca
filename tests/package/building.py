"""Packages with code, pickles and tensors, written without torch."""

import json
import struct
from pathlib import Path

from sesha.package.manifest import EntryPoint, Extern, Manifest, Module, Resource
from sesha.package.writer import ContainerWriter

SOURCES = {
    "shop/__init__.py": "from shop import goods\n",
    "shop/goods.py": "import math\n\nfrom shop import prices\n\n\nclass Good:\n    pass\n",
    "shop/prices.py": "import numpy as np\nimport gone\n\n\ndef price():\n    return np.pi\n",
    "shop/alone.py": "LIMIT = 1\n",
}


def tensors(**values: tuple[str, list[int], bytes]) -> bytes:
    """A safetensors file of tensors given by dtype, shape and bytes."""
    header = {}
    position = 0
    for name, (dtype, shape, data) in values.items():
        end = position + len(data)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [position, end]}
        position = end
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % 4096)
    return struct.pack("<Q", len(text)) + text + b"".join(each[2] for each in values.values())


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


WEIGHTS = tensors(
    bias=("F32", [2], floats(1, 2)), weight=("F32", [2, 2], floats(1, 2, 3, float("nan")))
)
# A shop.goods.Good, by name.
PICKLE = b"\x80\x04cshop.goods\nGood\n)\x81."


def build(
    path: Path,
    *,
    pickle: bytes = PICKLE,
    weights: bytes = WEIGHTS,
    sources: dict[str, str] = SOURCES,
    version: str = "1",
) -> Path:
    modules = []
    for name in sources:
        dotted = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        modules.append(Module(dotted, name, name.endswith("__init__.py")))
    manifest = Manifest(
        name="shop",
        version=version,
        entry_points=(EntryPoint("default", "objects", "good.pkl"),),
        modules=tuple(modules),
        externs=(Extern("numpy", "numpy", "2.0", "0" * 64),),
        resources=(Resource("objects/good.pkl", "pickle"), Resource("objects/notes.txt", "text")),
    )
    with ContainerWriter(path) as writer:
        for name, text in sources.items():
            writer.add(name, text.encode())
        writer.add("objects/good.pkl", pickle)
        writer.add("objects/notes.txt", b"first\nsecond\n")
        writer.add("objects/good.pkl.safetensors", weights, align=4096)
        writer.finish(manifest)
    return path
