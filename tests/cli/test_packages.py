"""The commands on packages, as a user runs them: one walk each, and what goes wrong."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from sesha.cli import main
from sesha.package.container import Container
from tests.package import building

MODULE = """
import math


class Root:
    def __init__(self, power):
        self.power = power

    def __call__(self, value, *, scale=1.0):
        return scale * math.pow(value, 1 / self.power)


def make():
    return Root(3)


def inputs():
    return {"value": 27.0, "scale": 2.0}


def fail():
    raise LookupError("no weights")
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    return building.build(tmp_path / "shop.sesha")


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a user's module in it."""
    (tmp_path / "rooting.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "rooting", raising=False)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = main(list(map(str, arguments)))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def run_json(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any]:
    code, out, _ = run(capsys, *arguments, "--json")
    return code, json.loads(out)


def test_pack_writes_and_tries_a_package(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha pack` calls the factory, packs what it makes and runs the self-test."""
    arguments = ["pack", "rooting:make", "-o", "root.sesha", "--example-inputs", "rooting:inputs"]
    code, found = run_json(capsys, *arguments, "--version", "3")
    assert (code, found["name"], found["version"], found["self_test"]) == (0, "root", "3", True)
    assert found["modules"] == 1
    code, out, _ = run(capsys, "verify", tree / "root.sesha", "--self-test")
    assert code == 0
    assert "ok self-test" in out


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


def test_inspect_shows_and_flags(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha inspect` shows a package and exits with 1 where something is flagged."""
    code, out, _ = run(capsys, "inspect", package)
    assert code == 0
    for text in (
        "shop 1",
        "prices.py",
        "weight",
        "2x2",
        "numpy",
        "shop.goods.Good",
        "nothing flagged",
    ):
        assert text in out
    hostile = building.build(package.with_name("bad.sesha"), pickle=b"cos\nsystem\n(S'x'\ntR.")
    code, found = run_json(capsys, "inspect", hostile)
    assert (code, found["flagged"]) == (1, 1)
    flagged = [each for each in found["globals"] if each["flagged"]]
    assert [(each["module"], each["name"], each["called"]) for each in flagged] == [
        ("os", "system", True)
    ]
    assert run(capsys, "inspect", hostile, "--allow", "os.*")[0] == 0


def test_graph_as_text_dot_and_svg(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha graph` prints the tree, says why a module is in, and draws DOT and SVG."""
    code, out, _ = run(capsys, "graph", package, "--externs")
    assert code == 0
    assert "entry point default" in out
    assert "numpy" in out
    _, out, _ = run(capsys, "graph", package, "--why", "shop.prices")
    assert "shop.goods, line 3 needs shop.prices" in out
    _, out, _ = run(capsys, "graph", package, "--format", "dot")
    assert '"shop.goods" -> "shop.prices";' in out
    picture = package.with_name("graph.svg")
    run(capsys, "graph", package, "-o", picture)
    assert ET.parse(picture).getroot().tag == "{http://www.w3.org/2000/svg}svg"  # noqa: S314
    _, found = run_json(capsys, "graph", package, "--why", "numpy")
    assert [step["target"] for step in found["why"]][-1] == "numpy"


def test_extract_edit_pack_and_diff(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is extracted, edited and packed again differs by just the edit."""
    folder, again = tmp_path / "out", tmp_path / "again.sesha"
    assert run(capsys, "extract", package, folder)[0] == 0
    assert run(capsys, "pack", folder, "-o", again)[0] == 0
    assert run(capsys, "diff", package, again) == (
        0,
        "the packages have the same members and manifest\n",
        "",
    )
    (folder / "shop/alone.py").write_text("LIMIT = 2\n")
    run(capsys, "pack", folder, "-o", again)
    code, out, _ = run(capsys, "diff", package, again)
    assert code == 1
    assert "+LIMIT = 2" in out
    code, found = run_json(capsys, "diff", package, again)
    assert [each["name"] for each in found["code"]] == ["shop/alone.py"]


def test_sign_and_verify(package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha sign` signs with a new key, and `sesha verify --key` tells who did."""
    pytest.importorskip("cryptography")
    key = tmp_path / "key.pem"
    signed = tmp_path / "signed.sesha"
    code, made = run_json(capsys, "sign", package, "--key", key, "--new-key", "-o", signed)
    assert code == 0
    code, found = run_json(capsys, "verify", signed, "--key", f"{key}.pub")
    assert (code, found["ok"]) == (0, True)
    assert made["key_sha256"] in found["checks"]["signature"]
    code, found = run_json(capsys, "verify", package, "--key", f"{key}.pub")
    assert (code, found["ok"]) == (1, False)
    assert "not signed" in found["error"]


def test_signature_is_not_passed_over(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sesha verify` without a key says that it left a signature unchecked."""
    pytest.importorskip("cryptography")
    assert run(capsys, "sign", package, "--key", tmp_path / "key.pem", "--new-key")[0] == 0
    code, out, _ = run(capsys, "verify", package)
    assert code == 0
    assert "not checked signature" in out
    assert "--key" in out


def test_missing_key_is_told_with_the_option_that_makes_one(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signing with a key that isn't there names `--new-key`."""
    pytest.importorskip("cryptography")
    code, _, err = run(capsys, "sign", package, "--key", tmp_path / "key.pem")
    assert code == 1
    assert "--new-key makes one there" in err


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


def test_line_of_the_users_own_code_is_named(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What an installed library raises is told with the line of one's own code that led to it."""
    (tree / "parsing.py").write_text("import json\n\ndef make():\n    return json.loads('{')\n")
    code, _, err = run(capsys, "pack", "parsing:make", "-o", "a.sesha")
    assert code == 1
    assert err.rstrip().endswith(f"({tree}/parsing.py, line 4)")


def test_externs_are_told_by_who_provides_them(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`sesha inspect` tells externs of Python from those that code can do without."""
    (tree / "rooting.py").write_text(f"{MODULE}\ndef late():\n    import pytest\n")
    assert run(capsys, "pack", "rooting:make", "-o", "a.sesha")[0] == 0
    _, out, _ = run(capsys, "inspect", "a.sesha")
    whose = {line.split()[1]: line for line in out.splitlines() if line.startswith("│ ")}
    assert "Python" in whose["math"]
    assert "any, if there at all" in whose["pytest"]


def test_verify_finds_an_altered_member(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A byte that was changed is found and its member named, in one line."""
    package.write_bytes(package.read_bytes().replace(b"LIMIT = 1", b"LIMIT = 9"))
    code, out, err = run(capsys, "verify", package)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "shop/alone.py" in err
    assert run(capsys, "verify", package, "--self-test")[0] == 1


def test_verify_opens_the_package_once(
    tree: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the self-test runs is the file that was checked, whatever replaced it meanwhile."""
    package, other = tree / "root.sesha", tree / "other"
    options = ["--example-inputs", "rooting:inputs"]
    assert run(capsys, "pack", "rooting:make", "-o", package, *options)[0] == 0
    other.write_bytes(b"nothing")
    check = Container.verify

    def check_and_replace(self: Container, **kwargs: Any) -> None:
        check(self, **kwargs)
        other.replace(package)

    monkeypatch.setattr(Container, "verify", check_and_replace)
    assert run(capsys, "verify", package, "--self-test")[0] == 0
    assert package.read_bytes() == b"nothing"


def test_self_test_must_be_there(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`--self-test` of a package that has none is an error that says how to get one."""
    code, _, err = run(capsys, "verify", package, "--self-test")
    assert code == 1
    assert "example inputs" in err


@pytest.mark.torch
def test_convert_takes_over_an_archive(tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`sesha convert` turns what torch.package wrote into a package that inspects clean."""
    from torch.package import PackageExporter  # type: ignore[attr-defined]  # noqa: PLC0415 - installed for one Python only

    sys.path.insert(0, str(tree))
    rooting = __import__("rooting")
    with PackageExporter(str(tree / "old.pt")) as exporter:
        exporter.intern("rooting")
        exporter.extern("**")
        exporter.save_pickle("model", "model.pkl", rooting.Root(2))
    code, found = run_json(capsys, "convert", "old.pt", "new.sesha")
    assert (code, found["entry_points"]) == (0, ["default"])
    assert run(capsys, "inspect", "new.sesha")[0] == 0


@pytest.mark.parametrize(
    "command", ["inspect", "graph", "extract", "verify", "diff", "sign", "convert"]
)
def test_bad_files_are_one_line(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is no package, or isn't there, is one clear line on standard error and exit code 1."""
    pytest.importorskip("cryptography")
    noise = tmp_path / "noise"
    noise.write_bytes(os.urandom(3000))
    key = tmp_path / "key.pem"
    if command == "sign":
        run(capsys, "sign", "--key", key, "--new-key")
    for file in (noise, tmp_path / "none"):
        options: dict[str, list[str | Path]] = {
            "diff": [file],
            "extract": [tmp_path / "out"],
            "sign": ["--key", key],
            "convert": [tmp_path / "new.sesha"],
        }
        code, out, err = run(capsys, command, file, *options.get(command, []))
        assert (code, out, err.count("\n")) == (1, "", 1), err
        assert err.startswith("sesha: ")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["inspect", "x", "--allow", "a**"],
        ["sign", "--key", "k"],
        ["pack", "x"],
        ["pack", "x:y", "-o", "z", "--data", "a/b**"],
        ["graph", "x", "--format", "png"],
    ],
)
def test_senseless_arguments_exit_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Arguments that make no sense are explained with the usage and exit code 2."""
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert "usage: sesha" in capsys.readouterr().err


def test_commands_run_nothing_of_the_package(package: Path, tmp_path: Path) -> None:
    """Looking inside imports neither torch nor numpy nor the runtime, nor any packaged module."""
    script = (
        "import sys; from sesha.cli import main; "
        f"main(['inspect', {str(package)!r}]); main(['graph', {str(package)!r}]); "
        f"main(['diff', {str(package)!r}, {str(package)!r}]); "
        "print([n for n in sys.modules if n.split('.')[0] in ('torch', 'numpy', 'shop') "
        "or n.startswith(('sesha.runtime', '_sesha_package'))])"
    )
    child = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert child.stdout.splitlines()[-1] == "[]"
