"""Coverage-guided fuzzing of what reads packages: python -m tests.attacks.fuzz [arguments].

atheris (libFuzzer, whose arguments those are) changes sound and hostile packages, guided by which
lines of `sesha.package` each change reaches. Whatever the bytes, reading them ends well or in a
FormatError; all else, a crash and a hang included, is a finding, which libFuzzer writes to a file.
The first byte chooses what is read: a whole package, a manifest or a safetensors member.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["sesha.package"]):
    from sesha.package import manifest, safetensors
    from sesha.package.container import Container
    from sesha.package.errors import FormatError
    from sesha.package.tensor_reader import TensorReader

from tests.attacks import hostile

PACKAGE, MANIFEST, TENSORS = range(3)


def read(data: bytes) -> None:
    """Reads `data` as far as it can be read."""
    if not data:
        return
    with contextlib.suppress(FormatError):
        if data[0] == MANIFEST:
            again = manifest.Manifest.from_json(data[1:]).to_json()
            if again != data[1:]:
                raise AssertionError("a manifest was read that is not in canonical form")
        elif data[0] == TENSORS:
            safetensors.parse(data[1:], "fuzz")
        else:
            read_package(data[1:])


def read_package(data: bytes) -> None:
    """Opens a package, verifies it, and reads every tensor it declares."""
    with Container.open(data) as container:
        reader = TensorReader(container)
        for name in container.names:
            if len(container.map(name)) != container.sizes[name]:
                raise AssertionError("a mapping has another size than its member")
            if name.endswith(".safetensors"):
                for number in range(8):
                    with contextlib.suppress(FormatError):
                        array = reader.get((name, number))
                        # Touches the memory that the array claims to have.
                        str(array)
        container.verify()


def corpus(folder: Path) -> None:
    """Starting points: a sound package and its parts, and every attack."""
    sound = hostile.package()
    starts = {
        "package": bytes([PACKAGE]) + sound,
        "manifest": bytes([MANIFEST]) + hostile.manifest(hostile.MEMBERS),
        "tensors": bytes([TENSORS]) + hostile.MEMBERS["model/model.safetensors"],
        "views": bytes([PACKAGE]) + hostile.views("w", 0, "<f4", [2], [4], 0, []),
    }
    for number, attack in enumerate([*hostile.OPENING.values(), *hostile.MAPPING.values()]):
        data = attack.make()
        if len(data) < 1 << 16:
            starts[f"attack-{number}"] = bytes([PACKAGE]) + data
    for name, data in starts.items():
        (folder / name).write_bytes(data)


def main() -> None:
    """Runs libFuzzer with the arguments of the command line; it does not return."""
    with tempfile.TemporaryDirectory() as folder:
        corpus(Path(folder))
        atheris.Setup([*sys.argv, folder], read)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
