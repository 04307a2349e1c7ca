"""Which benchmarks there are. Each is a function that takes `quick` and returns `Findings`."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.figures import Findings


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's place and what it is about."""

    title: str
    module: str
    function: str = "measure"

    def run(self, *, quick: bool) -> Findings:
        """Run it in this process."""
        findings: Findings = getattr(importlib.import_module(self.module), self.function)(
            quick=quick
        )
        return findings


CATALOGUE = {
    "calls": Benchmark("A synchronous call", "benchmarks.calls"),
    "submitting": Benchmark("Executors beside each other", "benchmarks.submitting"),
    "scaling": Benchmark("Python-bound work on two cores", "benchmarks.scaling"),
    "boot": Benchmark("A bare interpreter", "benchmarks.boot"),
    "footprint": Benchmark("Memory of one more interpreter with torch", "benchmarks.footprint"),
    "crowd-torch": Benchmark("16 interpreters with torch", "benchmarks.crowd", "with_torch"),
    "crowd-numpy": Benchmark("64 interpreters with numpy", "benchmarks.crowd", "with_numpy"),
    "package-loading": Benchmark("1 GiB of weights opened", "benchmarks.package.loading"),
    "package-packing": Benchmark("1 GiB of weights packed", "benchmarks.package.packing"),
    "package-inspecting": Benchmark(
        "1 GiB of weights looked into", "benchmarks.package.inspecting"
    ),
    "soak-calls": Benchmark("100,000 calls with tensors", "benchmarks.soak", "calls"),
    "soak-sessions": Benchmark("Two minutes of session churn", "benchmarks.soak", "sessions"),
    "package-sharing": Benchmark(
        "Memory of a package's weights, in interpreters and in processes",
        "benchmarks.package.sharing",
    ),
    "package-first-call": Benchmark(
        "The first call of a packaged model", "benchmarks.package.first_call"
    ),
}
