"""The corpus: real models, packed without any pattern, loaded in two interpreters at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from sesha import Pool
from sesha.package import pack
from sesha.package.comparing import differences
from sesha.package.selftest import Call, call
from tests.models import language, sound, tables, vision
from tests.models.entry import CORPUS, Entry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sesha import Session
    from sesha.runtime.model import Model
    from tests.models.rows import Rows

ROOMS = (language, vision, sound, tables)
pytestmark = [
    pytest.mark.models,
    # Other projects' warnings are theirs to mend.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    with Pool(2) as shared:
        yield shared


def test_the_corpus_is_as_large_as_promised() -> None:
    """There are at least 25 models, of at least 12 distributions, and no name is there twice."""
    assert len(CORPUS) >= 25
    assert len({each.distribution for each in CORPUS}) >= 12
    assert len({(each.distribution, each.name) for each in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize("each", CORPUS, ids=lambda each: f"{each.distribution}: {each.name}")
def test_same_outputs_in_two_interpreters(
    each: Entry, pool: Pool, tmp_path: Path, rows: Rows
) -> None:
    """A model packed without patterns gives its own outputs in two interpreters at once."""
    seed()
    model, inputs = each.make()
    check(each, model, inputs, pool, tmp_path, rows)


@pytest.mark.parametrize(
    "each",
    [each for each in CORPUS if each.vendor],
    ids=lambda each: f"{each.distribution}: {each.name}",
)
def test_same_outputs_with_the_code_in_the_package(
    each: Entry, pool: Pool, tmp_path: Path, rows: Rows
) -> None:
    """A pure-Python distribution is vendored by naming it, and the outputs are the same again."""
    seed()
    model, inputs = each.make()
    check(each, model, inputs, pool, tmp_path, rows, vendor=each.vendor)


def seed() -> None:
    import torch

    torch.manual_seed(0)


def check(  # noqa: PLR0913, PLR0917 - what a test has at hand
    each: Entry,
    model: Any,
    inputs: Any,
    pool: Pool,
    folder: Path,
    rows: Rows,
    vendor: tuple[str, ...] = (),
) -> None:
    example = Call.of(model, inputs)
    path = folder / "model.sesha"
    start = time.perf_counter()
    manifest = pack(model, path, example_inputs=inputs, tolerance=each.tolerance, vendor=vendor)
    pack_seconds = time.perf_counter() - start
    # A model that keeps a state gives another output the second time, so here is a new one.
    seed()
    expected = call(each.make()[0], example)
    start = time.perf_counter()
    loaded = pool.load(path)
    actual = run_in_both(pool, loaded, example)
    load_seconds = time.perf_counter() - start
    loaded.unload()
    assert len(actual) == 2
    for outputs in actual:
        assert differences(expected, outputs, float(each.tolerance)) == []
    rows.add(
        each,
        vendored=bool(vendor),
        size=path.stat().st_size,
        code_files=len(manifest.modules),
        pack_seconds=pack_seconds,
        load_seconds=load_seconds,
    )


def run_in_both(pool: Pool, model: Model, example: Call) -> list[Any]:
    """Make the example call in each interpreter, at the same time."""
    sessions = [pool.session() for _ in pool.interpreters]
    try:
        with ThreadPoolExecutor(len(sessions)) as threads:
            return list(threads.map(lambda session: run(session, model, example), sessions))
    finally:
        for session in sessions:
            session.close()


def run(session: Session, model: Model, example: Call) -> Any:
    target = session.load(model)
    return session.run(call_example, target, example.method, example.args, example.kwargs)


def call_example(target: Any, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What runs in the interpreter."""
    from sesha.package import selftest

    return selftest.call(target, selftest.Call(method, tuple(args), dict(kwargs)))
