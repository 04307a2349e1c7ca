import os
import pickle
import warnings
from pathlib import Path
from typing import Any

from sesha.package.allowed import Verdict
from sesha.package.container import Container
from sesha.package.inspection import Inspection, TensorInfo, inspect_package
from tests.package import building


def look(path: Path, **options: Any) -> Inspection:
    with Container.open(path) as container:
        return inspect_package(container, **options)


class Command:
    """Runs a command where it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("exit 3",)


def test_everything_in_a_package_is_listed(tmp_path: Path) -> None:
    """Members with their kinds and sizes, tensors with dtype and shape, globals with verdicts."""
    found = look(building.build(tmp_path / "a.sesha"))
    kinds = {member.name: member.kind for member in found.members}
    assert kinds == {
        **dict.fromkeys(building.SOURCES, "source"),
        "objects/good.pkl": "pickle",
        "objects/notes.txt": "text",
        "objects/good.pkl.safetensors": "tensors",
        "manifest.json": "manifest",
    }
    assert sum(member.size for member in found.members) == found.size
    assert found.tensors == (
        TensorInfo("objects/good.pkl.safetensors", "bias", "F32", (2,), 8),
        TensorInfo("objects/good.pkl.safetensors", "weight", "F32", (2, 2), 16),
    )
    (reached,) = found.globals
    assert (reached.module, reached.name, reached.called) == ("shop.goods", "Good", True)
    assert reached.verdict is Verdict.PACKAGE
    assert not found.signed
    assert not found.problems
    assert not found.flagged


def test_what_reaches_outside_is_flagged(tmp_path: Path) -> None:
    """A pickle that would run a command is flagged, and nothing runs."""
    data = pickle.dumps([Command(), {"x": 1}])
    found = look(building.build(tmp_path / "a.sesha", pickle=data))
    assert [(each.name, each.called, each.verdict) for each in found.flagged] == [
        ("system", True, Verdict.DANGEROUS)
    ]
    allowed = look(building.build(tmp_path / "b.sesha", pickle=data), allow=["posix.system"])
    assert allowed.flagged == ()


def test_fickling_flags_what_is_flagged(tmp_path: Path) -> None:
    """fickling finds the hostile pickle unsafe, and the harmless one likely safe."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fickling.analysis import Severity, check_safety  # noqa: PLC0415 - it warns
        from fickling.fickle import Pickled  # noqa: PLC0415

        for data in (pickle.dumps([Command()]), pickle.dumps({"a": [1, 2.5, "x"]})):
            found = look(building.build(tmp_path / "a.sesha", pickle=data))
            severity = check_safety(Pickled.load(data)).severity
            assert bool(found.flagged) == (severity > Severity.LIKELY_SAFE)


def test_damaged_pickle_is_a_problem_of_its_member(tmp_path: Path) -> None:
    """A pickle that can't be read is reported, and the rest is shown all the same."""
    found = look(building.build(tmp_path / "a.sesha", pickle=b"\x80\x04\x93."))
    (problem,) = found.problems
    assert problem.member == "objects/good.pkl"
    assert len(found.tensors) == 2


def test_hidden_bytes_and_computed_names_are_problems(tmp_path: Path) -> None:
    """Bytes after a pickle's end, and names that it computes, are reported."""
    computed = b"\x80\x04\x8c\x08builtins\x8c\x03str\x93)R\x8c\x06system\x93.tail"
    found = look(building.build(tmp_path / "a.sesha", pickle=computed))
    assert len(found.problems) == 2
    assert "computes" in found.problems[0].text
    assert "4 bytes" in found.problems[1].text


def test_damaged_tensors_are_a_problem(tmp_path: Path) -> None:
    """A safetensors member with bad offsets is reported."""
    weights = building.WEIGHTS.replace(b'"data_offsets": [0, 8]', b'"data_offsets": [1, 8]')
    found = look(building.build(tmp_path / "a.sesha", weights=weights))
    (problem,) = found.problems
    assert problem.member == "objects/good.pkl.safetensors"


def test_progress_names_what_is_read(tmp_path: Path) -> None:
    """Sources are not read; pickles and tensors are, each announced."""
    seen: list[str] = []
    look(building.build(tmp_path / "a.sesha"), progress=seen.append)
    assert sorted(seen) == ["objects/good.pkl", "objects/good.pkl.safetensors"]
