"""Models: packages in a pool."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sesha
from sesha import Pool, ReplicaUnloaded
from sesha.package import HermeticError, PackageExporter, pack
from sesha.package.errors import DependencyError, DigestError, FormatError, SignatureError
from sesha.package.extraction import extract
from tests.runtime import functions

SOURCE = """
import numpy as np
import sesha

VERSION = {version}


class Scaler:
    def __init__(self, weights):
        self.weights = weights
        self.calls = 0

    def __call__(self, x, *, bias=0.0):
        self.calls += 1
        return self.weights * x + bias

    def where(self):
        return sesha.current_interpreter(), self.calls

    def version(self):
        return VERSION

    def write(self, index, value):
        self.weights[index] = value

    def address(self):
        return self.weights.__array_interface__["data"][0]

    def reach(self, name):
        return __import__(name).__name__
"""


def make(folder: Path, *, version: int = 1, count: int = 4, **options: Any) -> Path:
    """Write a source tree, pack an object of it, and take the tree away again."""
    tree = folder / f"tree{version}"
    tree.mkdir()
    (tree / "scaling.py").write_text(SOURCE.format(version=version))
    sys.path.insert(0, str(tree))
    try:
        module = __import__("scaling")
        path = folder / f"scaler{version}.sesha"
        weights = np.arange(float(count))
        pack(module.Scaler(weights), path, version=str(version), self_test=False, **options)
    finally:
        sys.path.remove(str(tree))
        del sys.modules["scaling"]
    shutil.rmtree(tree)
    return path


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with an example, whose source tree is gone."""
    return make(tmp_path_factory.mktemp("package"), example_inputs=(2.0,))


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, Path]:
    """A private and a public key."""
    pytest.importorskip("cryptography")
    from sesha.package import keys as keys_

    keys_.generate(tmp_path / "key.pem", tmp_path / "key.pub")
    return tmp_path / "key.pem", tmp_path / "key.pub"


def test_a_model_is_called_in_any_interpreter(pool: Pool, package: Path) -> None:
    """A model and its methods are called directly, by future and by coroutine, with keywords."""
    model = pool.load(package)
    np.testing.assert_array_equal(model(2.0, bias=1.0), [1.0, 3.0, 5.0, 7.0])
    np.testing.assert_array_equal(model.submit(3.0).result(), [0.0, 3.0, 6.0, 9.0])
    np.testing.assert_array_equal(asyncio.run(model.acall(1.0, bias=1.0)), [1.0, 2.0, 3.0, 4.0])
    version = model.method("version")
    assert version() == version.submit().result() == asyncio.run(version.acall()) == 1


def test_metadata_is_the_manifest(pool: Pool, package: Path) -> None:
    """A model tells the package's name, version and entry points."""
    model = pool.load(package)
    assert (model.metadata.name, model.metadata.version) == ("scaler1", "1")
    assert model.entry_points == ("default",)
    assert repr(model) == "<sesha.Model scaler1 1>"


def test_the_host_imports_nothing_of_the_package(pool: Pool, package: Path) -> None:
    """Loading and calling a model leaves the host without a module of it."""
    model = pool.load(package)
    model(1.0)
    assert [name for name in sys.modules if name.split(".")[-1] == "scaling"] == []


def test_objects_are_made_on_first_use(pool: Pool, package: Path) -> None:
    """Loading makes nothing; `warm` makes the object in each interpreter and runs the example."""
    model = pool.load(package)
    with pool.session() as session:
        assert session.load(model).calls.get() == 0
    warm = pool.load(package, warm=True)
    for _ in pool.interpreters:
        with pool.session() as session:
            assert session.load(warm).calls.get() >= 1


def test_two_versions_are_loaded_beside_each_other(
    pool: Pool, package: Path, tmp_path: Path
) -> None:
    """Modules of the same name in two packages don't meet."""
    first = pool.load(package)
    second = pool.load(make(tmp_path, version=2))
    for _ in range(4):
        assert (first.method("version")(), second.method("version")()) == (1, 2)


def test_session_reaches_the_object(pool: Pool, package: Path) -> None:
    """A session gives the object of its interpreter, with its attributes and methods."""
    model = pool.load(package)
    with pool.session() as session:
        scaler = session.load(model)
        scaler(1.0)
        scaler(1.0)
        assert scaler.calls.get() == 2
        assert scaler.where().get() == (session.interpreter, 2)
        np.testing.assert_array_equal(scaler.weights.get(), np.arange(4.0))
        replica = pool.replicate(functions.Model(np.ones(1)))
        assert session.load(replica).calls.get() == 0


def test_model_of_another_pool_is_refused(pool: Pool, single: Pool, package: Path) -> None:
    """A session takes models of its own pool only."""
    model = single.load(package)
    with pool.session() as session, pytest.raises(ValueError, match="another pool"):
        session.load(model)


def test_unload_frees_the_objects(pool: Pool, package: Path) -> None:
    """After unload calls say so, and the interpreters have no module of the package any more."""
    model = pool.load(package, warm=True)
    version = model.method("version")
    model.unload()
    model.unload()
    assert model.unloaded
    until(lambda: loaded_modules(pool) == 0)
    with pytest.raises(ReplicaUnloaded):
        version()


def test_a_forgotten_model_is_unloaded(pool: Pool, package: Path) -> None:
    """A model that nobody refers to goes; a method of it or an entry point keeps it."""
    model = pool.load(package, warm=True)
    point = model.entry_point("default")
    del model
    gc.collect()
    assert point.method("version")() == 1
    del point
    gc.collect()
    until(lambda: loaded_modules(pool) == 0)


def loaded_modules(pool: Pool) -> int:
    return sum(pool.broadcast(functions.modules_named, ".scaling"))


def until(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_replacement_gets_the_model(single: Pool, package: Path) -> None:
    """An interpreter in the place of one that died has the model, warm if that was wanted."""
    model = single.load(package, warm=True)
    with pytest.raises(sesha.InterpreterDied):
        single.run("os:abort")
    until(lambda: single.interpreters)
    calls = model.method("where")()[1]
    assert calls == 1
    np.testing.assert_array_equal(model(1.0), np.arange(4.0))


def test_replaced_file_is_not_opened(single: Pool, package: Path, tmp_path: Path) -> None:
    """Interpreters open the file that was checked, also after another took its path, or none."""
    path = tmp_path / "model.sesha"
    shutil.copy(package, path)
    model = single.load(path)
    make(tmp_path, version=3).replace(path)
    assert model.method("version")() == 1
    path.unlink()
    with pytest.raises(sesha.InterpreterDied):
        single.run("os:abort")
    until(lambda: single.interpreters)
    assert model.method("version")() == 1


def test_weights_are_shared_until_they_are_written(pool: Pool, tmp_path: Path) -> None:
    """Interpreters map the same pages of the file; a write copies one page, there only."""
    count = 4 << 20  # 32 MiB
    model = pool.load(make(tmp_path, version=5, count=count), warm=True)
    addresses = read_in_each(pool, model)
    assert len(addresses) == len(pool.interpreters)
    resident, proportional, written = mapped(tmp_path / "scaler5.sesha")
    assert resident >= len(addresses) * count * 8
    # Each page counts once, however many map it.
    assert proportional <= 1.1 * count * 8
    assert written <= 1 << 20
    with pool.session() as one, pool.session() as other:
        one.load(model).write(0, 99.0)
        assert one.load(model).weights[0].get() == 99.0
        assert other.load(model).weights[0].get() == 0.0


def read_in_each(pool: Pool, model: sesha.Model) -> set[int]:
    """Read all weights in each interpreter; their addresses there."""
    addresses = set()
    with contextlib.ExitStack() as stack:
        for _ in pool.interpreters:
            session = stack.enter_context(pool.session())
            scaler = session.load(model)
            session.run("numpy:sum", scaler.weights)
            addresses.add(scaler.address().get())
    return addresses


def mapped(path: Path) -> tuple[int, int, int]:
    """Resident, proportional and written bytes of a file's mappings in this process (smaps)."""
    found = {"Rss": 0, "Pss": 0, "Anonymous": 0}
    inside = False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            inside = line.endswith(str(path))
        elif inside and (name := line.partition(":")[0]) in found:
            found[name] += int(line.split()[1]) * 1024
    return found["Rss"], found["Pss"], found["Anonymous"]


def test_packaged_code_sees_the_package_and_its_externs_only(pool: Pool, package: Path) -> None:
    """In an interpreter too, packaged code imports nothing that the package does not declare."""
    reach = pool.load(package).method("reach")
    assert reach("numpy") == "numpy"
    with pytest.raises(HermeticError, match="cloudpickle"):
        reach("cloudpickle")


def test_entry_points_are_objects_of_their_own(pool: Pool, tmp_path: Path) -> None:
    """Each entry point is called by its name; without a default one the model itself is not."""
    path = tmp_path / "several.sesha"
    with PackageExporter(path) as exporter:
        for name, obj in (("lower", str.lower), ("upper", str.upper)):
            exporter.save_pickle("objects", f"{name}.pkl", obj)
            exporter.add_entry_point(name, "objects", f"{name}.pkl")
    model = pool.load(path)
    assert model.entry_points == ("lower", "upper")
    assert model.entry_point("upper")("a") == "A"
    assert model.entry_point("lower").submit("A").result() == "a"
    with pytest.raises(KeyError, match="lower, upper"):
        model.entry_point("title")
    with pytest.raises(sesha.SeshaError, match="lower, upper"):
        model("a")


def test_folder_is_loaded_like_the_file(pool: Pool, package: Path, tmp_path: Path) -> None:
    """An unpacked package is loaded too, but not where keys are asked for: its files may change."""
    folder = tmp_path / "unpacked"
    extract(package, folder)
    assert pool.load(folder).method("version")() == 1
    with pytest.raises(ValueError, match="unpacked"):
        pool.load(folder, trusted_keys=[])


def test_bad_files_are_refused_in_the_host(pool: Pool, package: Path, tmp_path: Path) -> None:
    """What is no package, altered or not there is a named error, and no interpreter hears of it."""
    broken = tmp_path / "broken.sesha"
    broken.write_bytes(package.read_bytes()[:-100])
    with pytest.raises(FormatError):
        pool.load(broken)
    with pytest.raises(FileNotFoundError):
        pool.load(tmp_path / "none.sesha")
    data = bytearray(package.read_bytes())
    place = data.index(b"self.calls += 1")
    data[place + 14] = ord("2")
    broken.write_bytes(data)
    with pytest.raises(DigestError):
        pool.load(broken, verify=True)
    late = pool.load(broken)
    with pytest.raises(DigestError):
        late(1.0)


def test_missing_extern_is_told_before_anything_runs(
    pool: Pool, package: Path, tmp_path: Path
) -> None:
    """An extern of another version is an error of `load`, with the command that mends it."""
    folder = tmp_path / "unpacked"
    extract(package, folder)
    manifest = folder / "manifest.json"
    text = manifest.read_text()
    version = re.escape(f'"version":"{np.__version__}"')
    manifest.write_text(re.sub(version, '"version":"0.0.1"', text))
    with pytest.raises(DependencyError, match=r"pip install \"numpy==0.0.1\""):
        pool.load(folder)


def test_trusted_keys_admit_what_they_signed(
    pool: Pool, package: Path, tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    """What a trusted key signed loads; unsigned, altered or otherwise signed it does not."""
    from sesha.package import keys as keys_
    from sesha.package import signing

    private, public = keys
    signed = tmp_path / "signed.sesha"
    with pytest.raises(SignatureError, match="not signed"):
        pool.load(package, trusted_keys=[public])
    signing.sign(package, private, output=signed)
    assert pool.load(signed, trusted_keys=[public]).method("version")() == 1
    keys_.generate(tmp_path / "other.pem", tmp_path / "other.pub")
    with pytest.raises(SignatureError, match="not trusted"):
        pool.load(signed, trusted_keys=[tmp_path / "other.pub"])
    with pytest.raises(SignatureError, match="no key"):
        pool.load(signed, trusted_keys=[])
    data = bytearray(signed.read_bytes())
    data[data.index(b"self.calls += 1") + 14] = ord("2")
    signed.write_bytes(data)
    with pytest.raises(SignatureError, match="altered"):
        pool.load(signed, trusted_keys=[public])


def test_file_overwritten_in_place_after_the_check_is_not_run(
    single: Pool, package: Path, tmp_path: Path, keys: tuple[Path, Path]
) -> None:
    """Another package written over the very file that was checked is refused, with trusted keys."""
    from sesha.package import signing

    private, public = keys
    signed = tmp_path / "signed.sesha"
    signing.sign(package, private, output=signed)
    model = single.load(signed, trusted_keys=[public])
    other = make(tmp_path, version=7).read_bytes()
    with signed.open("r+b") as file:
        file.truncate(len(other))
        file.write(other)
    with pytest.raises(SignatureError, match="written over"):
        model.method("version")()


def test_open_files_go_with_the_model(single: Pool, package: Path, tmp_path: Path) -> None:
    """Loading and unloading again and again leaves no descriptor behind."""
    # A file of its own: an interpreter that died in another test keeps its descriptors.
    path = tmp_path / "model.sesha"
    shutil.copy(package, path)

    def descriptors() -> int:
        return sum(
            os.path.realpath(f"/proc/self/fd/{each}") == str(path.resolve())
            for each in map(str, range(1024))
        )

    for _ in range(5):
        model = single.load(path)
        model(1.0)
        model.unload()
    del model
    gc.collect()
    until(lambda: descriptors() == 0)


@pytest.mark.torch
def test_nothing_stays_mapped_after_the_pool(tmp_path: Path) -> None:
    """Pools that end with a model of torch's loaded, or just unloaded, leave nothing mapped."""
    import torch

    path = tmp_path / "linear.sesha"
    pack(torch.nn.Linear(64, 64), path)
    for unload in (False, True, False, True):
        with Pool(1, preload=("torch",)) as own:
            model = own.load(path)
            model(torch.ones(1, 64))
            assert str(path) in Path("/proc/self/maps").read_text()
            if unload:
                model.unload()
        assert str(path) not in Path("/proc/self/maps").read_text()
