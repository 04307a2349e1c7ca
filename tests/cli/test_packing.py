from pathlib import Path

import pytest

from tests.cli.running import run, run_json


def test_pack_writes_and_tries_a_package(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha pack` calls the factory, packs what it makes and runs the self-test."""
    arguments = ["pack", "rooting:make", "-o", "root.sesha", "--example-inputs", "rooting:inputs"]
    code, found = run_json(capsys, *arguments, "--version", "3")
    assert (code, found["name"], found["version"], found["self_test"]) == (0, "root", "3", True)
    assert found["modules"] == 1
    code, out, _ = run(capsys, "verify", tree / "root.sesha", "--self-test")
    assert code == 0
    assert "ok self-test" in out


def test_pack_says_whether_it_was_tried(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last line of `sesha pack` tells if there is a self-test, and if it has been run."""
    example = ["--example-inputs", "rooting:inputs"]
    for options, told in (
        ([], "no self-test"),
        (example, "self-test passed"),
        ([*example, "--no-self-test"], "not tried: sesha verify --self-test a.sesha"),
    ):
        code, out, _ = run(capsys, "pack", "rooting:make", "-o", "a.sesha", *options)
        assert code == 0
        assert out.startswith("a.sesha: a 0, 1 module, ")
        assert out.rstrip().endswith(told)
    del tree


def test_pack_takes_data_files_along(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha pack --data` packs files beside the code; without it the line to add is printed."""
    (tree / "labels.py").write_text(
        "import os\n\ndef read():\n"
        "    with open(os.path.join(os.path.dirname(__file__), 'labels.txt')) as file:\n"
        "        return file.read()\n\n"
        "def make():\n    return read\n\ndef inputs():\n    return ()\n"
    )
    (tree / "labels.txt").write_text("cat dog")
    arguments = ["pack", "labels:make", "-o", "out.sesha", "--example-inputs", "labels:inputs"]
    code, _, err = run(capsys, *arguments)
    assert code == 1
    assert err.endswith("add: data=['labels.txt'] (sesha pack --data labels.txt)\n")
    assert run(capsys, *arguments, "--data", "*.txt")[0] == 0
    code, found = run_json(capsys, "inspect", "out.sesha")
    assert ("labels.txt", "text") in [(each["name"], each["kind"]) for each in found["members"]]


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("rooting:fail", "rooting:fail raised LookupError: no weights"),
        ("rooting:nothing", "rooting:nothing raised AttributeError"),
        ("nowhere:make", "nowhere:make raised ModuleNotFoundError"),
        ("rooting", "MODULE:FACTORY"),
    ],
)
def test_what_the_factory_raises_is_one_line(
    tree: Path, capsys: pytest.CaptureFixture[str], what: str, text: str
) -> None:
    """A factory that fails is one line that says what and where; nothing is written."""
    code, _, err = run(capsys, "pack", what, "-o", tree / "out.sesha")
    assert code == 1
    assert err.startswith("sesha: ")
    assert text in err
    assert err.count("\n") == 1
    assert not (tree / "out.sesha").exists()


def test_line_of_the_users_own_code_is_named(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an installed library raises is told with the line of one's own code that led to it."""
    (tree / "parsing.py").write_text("import json\n\ndef make():\n    return json.loads('{')\n")
    code, _, err = run(capsys, "pack", "parsing:make", "-o", "a.sesha")
    assert code == 1
    assert err.rstrip().endswith(f"({tree}/parsing.py, line 4)")
