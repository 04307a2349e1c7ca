"""The demo's programme: pack, embed, search, check, compare; ``python -m demo``."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

import sesha
from demo import comparison, packaging
from demo.contenders import Field

if TYPE_CHECKING:
    from collections.abc import Sequence

    from demo.contenders import Vectors
    from demo.encoder import Encoder

SENTENCES = Path(__file__).with_name("sentences.txt")
QUERIES = (
    "Rich bachelors need a wife.",
    "She walked through the mud to look after her sick sister.",
    "The officer had told lies about his past.",
)
TOLERANCE = 1e-5
"""How far a component may be from the host's; vectors have length one, float32."""
_CHECKED = 128
_IN_FLIGHT = 64


def main() -> int:
    """Run the demo; 0 if every vector is the host's."""
    arguments = _parse()
    os.environ["OMP_NUM_THREADS"] = "1"
    console = Console()
    sentences = SENTENCES.read_text(encoding="utf-8").splitlines()[: arguments.sentences]
    with tempfile.TemporaryDirectory(prefix="sesha-demo-") as folder:
        package = Path(folder, "minilm.sesha")
        encoder = _pack(package, console)
        vectors = _search(package, sentences, console)
        if not _equals_host(encoder, sentences, vectors, console):
            return 1
        if arguments.rounds == 0:
            return 0
        some = sentences[:: max(1, len(sentences) // arguments.per_round)][: arguments.per_round]
        places = [sentences.index(sentence) for sentence in some]
        outcomes = _compare(package, some, vectors[places], arguments.rounds, console)
    return _report(outcomes, arguments.picture, console)


def _report(outcomes: list[comparison.Outcome], picture: Path | None, console: Console) -> int:
    console.print()
    console.print(comparison.table(outcomes))
    console.print(
        "All load the same package. Private: memory that nobody else has (USS). PSS: that, and a "
        "share of what the demo's\nprocesses have in common. The two processes talk to nobody "
        "while they work.",
        style="dim",
    )
    if picture:
        comparison.draw(outcomes, picture)
        console.print(f"The same as a picture: {picture}")
    difference = max(outcome.largest_difference for outcome in outcomes)
    console.print(f"Largest difference between any two vectors of a sentence: {difference:.1e}")
    return 0 if difference <= TOLERANCE else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--sentences", type=_positive, help="how many to embed (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="of the comparison; 0: none")
    parser.add_argument("--per-round", type=_positive, default=120, help="sentences a round")
    parser.add_argument("--picture", type=Path, help="write the last table as .png or .svg")
    return parser.parse_args()


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )


def _pack(path: Path, console: Console) -> Encoder:
    """Make the encoder here, pack it, show the package and check it; return the encoder."""
    with console.status("The host makes the encoder"):
        encoder = packaging.make_encoder()
    start = time.perf_counter()
    # Packing has a progress bar of its own, of the bytes that it writes.
    packaging.pack(encoder, path, example=QUERIES[0], tolerance=TOLERANCE)
    console.print(
        f"Packed, loaded in a fresh Python and compared there: {time.perf_counter() - start:.1f} s"
    )
    console.print(packaging.summary(path))
    packaging.verify(path)
    console.print("Every member has the digest that the manifest declares\n")
    return encoder


def _search(package: Path, sentences: Sequence[str], console: Console) -> Vectors:
    """Embed the sentences on two interpreters and answer the queries; return the vectors."""
    start = time.perf_counter()
    with sesha.Pool(interpreters=2) as pool:
        with console.status("Two interpreters start and load the package"):
            encode = pool.load(package, warm=True)
        console.print(
            f"Two interpreters have loaded the package: {time.perf_counter() - start:.1f} s"
        )
        vectors = np.empty((len(sentences), encode(sentences[0]).shape[0]), np.float32)
        start = time.perf_counter()
        with _progress(console) as progress:
            task = progress.add_task("Embedding", total=len(sentences))
            # A few calls ahead keep both interpreters busy.
            waiting = iter(enumerate(sentences))
            futures = [
                (place, encode.submit(sentence))
                for place, sentence in itertools.islice(waiting, _IN_FLIGHT)
            ]
            while futures:
                place, future = futures.pop(0)
                vectors[place] = future.result()
                progress.advance(task)
                for following, sentence in itertools.islice(waiting, 1):
                    futures.append((following, encode.submit(sentence)))
        seconds = time.perf_counter() - start
        rate = len(sentences) / seconds
        console.print(f"{len(sentences):,} sentences in {seconds:.0f} s: {rate:.0f} a second\n")
        for query in QUERIES:
            similarities = vectors @ encode(query)
            console.print(f"[bold]{query}")
            for place in np.argsort(-similarities)[:3]:
                console.print(
                    f"  [green]{similarities[place]:.2f}[/]  {sentences[place]}", highlight=False
                )
        console.print()
    return vectors


def _equals_host(
    encode: Encoder, sentences: Sequence[str], vectors: Vectors, console: Console
) -> bool:
    """Compute some vectors in the host, with the encoder that was packed, and compare."""
    with console.status("The host computes some vectors itself"):
        places = np.linspace(0, len(sentences) - 1, min(_CHECKED, len(sentences)), dtype=int)
        expected = np.stack([encode(sentences[place]) for place in places])
    difference = float(np.abs(vectors[places] - expected).max())
    equal = difference <= TOLERANCE
    console.print(
        f"{len(places)} of the vectors, computed by the host: largest difference {difference:.1e}"
        + ("" if equal else " [red]which is too much")
    )
    return equal


def _compare(
    package: Path, sentences: Sequence[str], expected: Vectors, rounds: int, console: Console
) -> list[comparison.Outcome]:
    """Start the contenders and compare them."""
    with _progress(console) as progress:
        task = progress.add_task("Starting contenders", total=None)
        with Field(package) as field:
            total = rounds * len(field.contenders) * len(sentences)
            progress.update(task, description="Comparing", total=total)
            return comparison.compare(
                field.contenders,
                sentences,
                expected,
                rounds=rounds,
                progress=lambda done: progress.advance(task, done),
            )


if __name__ == "__main__":
    sys.exit(main())
