"""Small packages for tests."""

from pathlib import Path

from sesha.package.manifest import EntryPoint, Manifest, Module, Resource
from sesha.package.writer import ContainerWriter

SOURCE = b"def answer():\n    return 42\n"

MANIFEST = Manifest(
    name="sample",
    version="1.0",
    entry_points=(EntryPoint("model", "model", "model.pkl"),),
    modules=(Module("sample", "sample/__init__.py", is_package=True),),
    resources=(Resource("model/model.pkl", "pickle"), Resource("model/notes.txt", "text")),
    provenance={"python": "3.11.7"},
)

MEMBERS = {
    "sample/__init__.py": SOURCE,
    "model/model.pkl": b"\x80\x05N.",
    "model/notes.txt": "nötes\n".encode(),
    "model/weights.bin": bytes(range(256)) * 40,
}


def write(path: Path, members: dict[str, bytes] = MEMBERS, manifest: Manifest = MANIFEST) -> Path:
    with ContainerWriter(path) as writer:
        for name, data in members.items():
            writer.add(name, data, align=4096 if name.endswith(".bin") else 1)
        writer.finish(manifest)
    return path
