import os
import subprocess
import sys

import pytest

from sesha.package.allowed import Judge, Verdict
from sesha.package.patterns import GlobGroup

JUDGE = Judge(
    modules=frozenset({"mine", "mine.nets", "json"}),
    externs=frozenset({"torch", "lib.part", "os"}),
    standard=frozenset(sys.stdlib_module_names),
)


@pytest.mark.parametrize(
    ("module", "name", "verdict"),
    [
        ("mine.nets", "Net", Verdict.PACKAGE),
        ("mine.other", "Net", Verdict.OUTSIDE),
        # The package's own module of a standard name is the package's.
        ("json", "loads", Verdict.PACKAGE),
        ("torch", "Tensor", Verdict.EXTERN),
        ("torch.nn.modules.linear", "Linear", Verdict.EXTERN),
        ("lib.part.deep", "f", Verdict.EXTERN),
        ("lib", "f", Verdict.OUTSIDE),
        ("torchvision", "f", Verdict.OUTSIDE),
        ("torch", "load", Verdict.DANGEROUS),
        ("torch.storage", "_load_from_bytes", Verdict.DANGEROUS),
        ("builtins", "set", Verdict.ALLOWED),
        ("builtins", "eval", Verdict.DANGEROUS),
        ("builtins", "getattr", Verdict.DANGEROUS),
        # That the manifest calls it an extern does not make it harmless.
        ("os", "system", Verdict.DANGEROUS),
        (os.system.__module__, "system", Verdict.DANGEROUS),
        ("subprocess", subprocess.Popen.__name__, Verdict.DANGEROUS),
        ("os", "", Verdict.ALLOWED),
        ("turtle", "done", Verdict.OUTSIDE),
        ("cloudpickle.cloudpickle", "_make_function", Verdict.CODE),
        ("types", "CodeType", Verdict.CODE),
    ],
)
def test_each_global_has_its_verdict(module: str, name: str, verdict: Verdict) -> None:
    """A global is judged by the package's modules and externs and by the allowed list."""
    assert JUDGE.verdict(module, name) is verdict


def test_only_outside_and_dangerous_are_flagged() -> None:
    """A person has to look at these two only."""
    assert {each for each in Verdict if each.flagged} == {Verdict.OUTSIDE, Verdict.DANGEROUS}


def test_globs_allow_more() -> None:
    """What a glob of the user's matches is allowed, whatever it is."""
    judge = Judge(frozenset(), frozenset(), frozenset(sys.stdlib_module_names), GlobGroup("os.*"))
    assert judge.verdict("os", "system") is Verdict.ALLOWED
    assert judge.verdict("subprocess", "run") is Verdict.DANGEROUS
