"""Objects of torch in packages: what torch.package does with them, and what it stops at."""

import copy
import importlib
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from sesha.package import PackageExporter, PackageImporter, sys_importer  # noqa: E402
from tests.package.conftest import Project  # noqa: E402

pytestmark = pytest.mark.torch

NET = """
    import torch
    from net_parts import scale


    class Net(torch.nn.Module):
        def __init__(self, width: int = 4):
            super().__init__()
            self.first = torch.nn.Linear(width, width)
            self.second = torch.nn.Linear(width, width)
            self.second.weight = self.first.weight
            self.register_buffer("rows", self.first.weight.detach()[1:3])

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return scale(self.second(torch.relu(self.first(x))))
"""
FILES = {
    "net.py": NET,
    "net_parts.py": """
        import torch

        def scale(x: torch.Tensor) -> torch.Tensor:
            return 2 * x
    """,
}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "model.sesha"


def saved(target: Path, obj: Any) -> PackageImporter:
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "x.pkl", obj)
    return PackageImporter(target)


def round_trip(target: Path, obj: Any) -> Any:
    with saved(target, obj) as importer:
        return importer.load_pickle("saved", "x.pkl")


def make(project: Project) -> Any:
    project(FILES)
    return importlib.import_module("net").Net()


def test_module_computes_the_same(project: Project, target: Path) -> None:
    """A packaged nn.Module gives the outputs of the original, from its own code."""
    net = make(project)
    loaded = round_trip(target, net)
    x = torch.randn(3, 4)
    assert torch.equal(loaded(x), net(x))
    assert type(loaded) is not type(net)


def test_memory_is_shared_as_before(project: Project, target: Path) -> None:
    """Tied weights stay one parameter, views stay views of it."""
    loaded = round_trip(target, make(project))
    assert loaded.first.weight is loaded.second.weight
    assert loaded.rows.data_ptr() == loaded.first.weight[1:].data_ptr()
    with torch.no_grad():
        loaded.first.weight[1, 0] = 42.0
    assert loaded.rows[0, 0] == 42.0


def test_two_pickles_share_a_tensor(target: Path) -> None:
    """One tensor in two pickles is one memory after loading; equal content is stored once."""
    tensor = torch.arange(100_000, dtype=torch.float32)
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "a.pkl", tensor)
        exporter.save_pickle("saved", "b.pkl", {"same": tensor})
    assert target.stat().st_size < 1.5 * tensor.nbytes
    with PackageImporter(target) as importer:
        a = importer.load_pickle("saved", "a.pkl")
        b = importer.load_pickle("saved", "b.pkl")["same"]
        assert a.data_ptr() == b.data_ptr()


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(1.5),
        torch.empty(0, 3),
        torch.arange(12).reshape(3, 4).t(),
        torch.tensor([True, False]),
        torch.randn(3, dtype=torch.complex64),
        torch.randn(2, 3).to(torch.bfloat16),
        torch.randn(4).to(torch.float8_e4m3fn),
        torch.randn(5, requires_grad=True),
        torch.randn(2, 2, dtype=torch.complex64).conj(),
        torch.eye(3).to_sparse(),
        torch.nn.Parameter(torch.ones(2), requires_grad=False),
        torch.empty(2, device="meta"),
    ],
    ids=lambda tensor: f"{tensor.dtype}-{tuple(tensor.shape)}-{tensor.layout}",
)
def test_tensors_of_all_kinds(tensor: Any, target: Path) -> None:
    """Tensors of every dtype, layout and kind come back as they were."""
    loaded = round_trip(target, tensor)
    assert type(loaded) is type(tensor)
    assert (loaded.dtype, loaded.shape, loaded.layout) == (
        tensor.dtype,
        tensor.shape,
        tensor.layout,
    )
    assert loaded.requires_grad == tensor.requires_grad
    assert loaded.device == tensor.device
    if tensor.device.type == "cpu":
        assert repr(loaded.detach()) == repr(tensor.detach())
    if tensor.layout is torch.strided:
        assert loaded.stride() == tensor.stride()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_quantised_tensor(target: Path) -> None:
    """A quantised tensor comes back with its scale."""
    tensor = torch.quantize_per_tensor(torch.randn(4), 0.1, 0, torch.quint8)
    loaded = round_trip(target, tensor)
    assert loaded.is_quantized
    assert torch.equal(loaded.dequantize(), tensor.dequantize())


def test_parameter_with_attributes(target: Path) -> None:
    """What is set on a parameter comes back with it."""
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.note = "hello"
    loaded = round_trip(target, [parameter, parameter])
    assert loaded[0].note == "hello"
    assert loaded[0] is loaded[1]


def test_tensor_subclass(project: Project, target: Path) -> None:
    """A tensor of a packaged class comes back as one."""
    project({"marked.py": "import torch\nclass Marked(torch.Tensor):\n    pass\n"})
    marked = torch.arange(3.0).as_subclass(importlib.import_module("marked").Marked)
    loaded = round_trip(target, marked)
    assert type(loaded).__name__ == "Marked"
    assert loaded.tolist() == [0.0, 1.0, 2.0]


def test_storages(target: Path) -> None:
    """A storage, typed or not, comes back and shares memory with its tensor."""
    tensor = torch.arange(4, dtype=torch.int16)
    loaded = round_trip(target, [tensor.untyped_storage(), tensor])
    assert loaded[0].data_ptr() == loaded[1].data_ptr()
    assert loaded[1].tolist() == [0, 1, 2, 3]


def test_map_location(target: Path) -> None:
    """map_location moves tensors as torch.load does: by device, name, dict or function."""
    base = torch.arange(6.0)
    with saved(target, {"base": base, "view": base[2:]}) as importer:
        moved = importer.load_pickle("saved", "x.pkl", map_location="meta")
        assert moved["base"].device.type == "meta"
        assert moved["view"].shape == (4,)
        moved = importer.load_pickle("saved", "x.pkl", map_location={"cpu": "meta"})
        assert moved["base"].device.type == "meta"
        moved = importer.load_pickle("saved", "x.pkl", map_location=torch.device("cpu"))
        assert moved["view"].tolist() == [2.0, 3.0, 4.0, 5.0]
        seen: list[str] = []

        def keep(storage: Any, location: str) -> Any:
            seen.append(location)
            return storage

        moved = importer.load_pickle("saved", "x.pkl", map_location=keep)
        assert seen == ["cpu"]
        assert moved["view"].data_ptr() == moved["base"][2:].data_ptr()


def test_graph_module(project: Project, target: Path, tmp_path: Path) -> None:
    """An fx.GraphModule goes in with the code generated for it, and again from there."""
    net = make(project)
    graph = torch.fx.symbolic_trace(net)
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "x.pkl", graph)
    assert "fx-generated._0" in exporter.interned_modules()
    x = torch.randn(2, 4)
    second = tmp_path / "second.sesha"
    with PackageImporter(target) as importer:
        loaded = importer.load_pickle("saved", "x.pkl")
        assert isinstance(loaded, torch.fx.GraphModule)
        assert torch.equal(loaded(x), net(x))
        with PackageExporter(second, importer=(importer, sys_importer)) as exporter:
            exporter.save_pickle("saved", "x.pkl", loaded)
    with PackageImporter(second) as importer:
        assert torch.equal(importer.load_pickle("saved", "x.pkl")(x), net(x))


def test_graph_module_with_own_wrapped_function(project: Project, target: Path) -> None:
    """A graph that calls a wrapped function of the user's has that function's module with it."""
    project(
        {
            "wrapped.py": """
                import torch

                @torch.fx.wrap
                def special(x):
                    return x * 3 if x.sum() > 0 else x

                class Net(torch.nn.Module):
                    def forward(self, x):
                        return special(x) + 1
            """
        }
    )
    net = importlib.import_module("wrapped").Net()
    loaded = round_trip(target, torch.fx.symbolic_trace(net))
    assert loaded(torch.ones(2)).tolist() == [4.0, 4.0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_script_modules(target: Path) -> None:
    """ScriptModules go in, alone and inside other objects, and stay one object."""
    scripted = torch.jit.script(torch.nn.Linear(3, 2))
    loaded = round_trip(target, {"a": scripted, "b": [scripted]})
    x = torch.randn(1, 3)
    assert torch.equal(loaded["a"](x), scripted(x))
    assert loaded["a"] is loaded["b"][0]
    assert isinstance(loaded["a"], torch.jit.ScriptModule)


def test_script_of_a_loaded_module(project: Project, target: Path, tmp_path: Path) -> None:
    """torch.jit.script compiles packaged code, and what it gives is saved and loaded."""
    net = make(project)
    with saved(target, net) as importer:
        loaded = importer.load_pickle("saved", "x.pkl")
        scripted = torch.jit.script(loaded)
        x = torch.randn(2, 4)
        assert torch.equal(scripted(x), net(x))
        scripted.save(str(tmp_path / "s.pt"))
        assert torch.equal(torch.jit.load(str(tmp_path / "s.pt"))(x), net(x))


def test_export_of_a_loaded_module(project: Project, target: Path) -> None:
    """torch.export captures packaged code."""
    net = make(project)
    with saved(target, net) as importer:
        loaded = importer.load_pickle("saved", "x.pkl")
        x = torch.randn(2, 4)
        program = torch.export.export(loaded, (x,))
        assert torch.allclose(program.module()(x), net(x))


def test_compile_of_a_loaded_module(project: Project, target: Path) -> None:
    """torch.compile traces packaged code as a whole."""
    net = make(project)
    with saved(target, net) as importer:
        loaded = importer.load_pickle("saved", "x.pkl")
        compiled = torch.compile(loaded, backend="eager", fullgraph=True)
        x = torch.randn(2, 4)
        assert torch.allclose(compiled(x), net(x))


def test_loaded_module_is_pickled_and_copied(project: Project, target: Path) -> None:
    """A loaded nn.Module is pickled, copied and trained as any other."""
    net = make(project)
    with saved(target, net) as importer:
        loaded = importer.load_pickle("saved", "x.pkl")
        x = torch.randn(2, 4)
        assert torch.equal(pickle.loads(pickle.dumps(loaded))(x), net(x))
        assert torch.equal(copy.deepcopy(loaded)(x), net(x))
        loaded(x).sum().backward()
        torch.optim.SGD(loaded.parameters(), 0.1).step()
        assert not torch.equal(loaded(x), net(x))
    with PackageImporter(target) as importer:
        assert torch.equal(importer.load_pickle("saved", "x.pkl")(x), net(x))


def test_other_readers_open_the_tensors(project: Project, target: Path, tmp_path: Path) -> None:
    """The tensors of a module lie under their names in a member that safetensors opens."""
    safetensors = pytest.importorskip("safetensors.torch")
    net = make(project)
    with saved(target, net) as importer:
        file = tmp_path / "x.safetensors"
        file.write_bytes(importer.read_member("saved/x.pkl.safetensors"))
    tensors = safetensors.load_file(file)
    assert torch.equal(tensors["first.weight"], net.first.weight)
    assert set(tensors) == {"first.weight", "first.bias", "second.bias"}


def test_state_is_that_of_the_saving(project: Project, target: Path) -> None:
    """What changes in a model after it was saved does not change the package."""
    net = make(project)
    before = net.first.weight.detach().clone()
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "x.pkl", net)
        with torch.no_grad():
            net.first.weight.zero_()
    with PackageImporter(target) as importer:
        assert torch.equal(importer.load_pickle("saved", "x.pkl").first.weight, before)


def test_package_without_tensors_needs_no_torch(target: Path) -> None:
    """Torch is no extern of a package that has nothing of it."""
    with PackageExporter(target) as exporter:
        exporter.save_pickle("saved", "x.pkl", {"a": [1, 2]})
    assert "torch" not in exporter.externed_modules()
    assert "torch" in sys.modules
