import importlib.metadata
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sesha.package import distributions
from sesha.package.distributions import Distribution
from sesha.package.errors import DependencyError


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on sys.path with an installed, an editable and a namespace distribution."""
    site = tmp_path / "site"

    def dist(name: str, version: str, files: dict[str, str], *, editable: bool = False) -> None:
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        if editable:
            (info / "direct_url.json").write_text(
                json.dumps({"url": "file:///x", "dir_info": {"editable": True}})
            )
        lines = [f"{info.name}/METADATA,,", f"{info.name}/RECORD,,"]
        for file, text in files.items():
            path = site / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            lines.append(f"{file},sha256=abc{len(text)},{len(text)}")
        (info / "RECORD").write_text("\n".join(lines) + "\n")

    dist("Shop_Kit", "1.5+local", {"shopkit/__init__.py": "", "shopkit/a.py": "", "single.py": ""})
    dist("mine", "0.1", {"__editable___mine.py": ""}, editable=True)
    dist("space-one", "1", {"space/one/__init__.py": ""})
    dist("space-two", "2", {"space/two/__init__.py": ""})
    monkeypatch.syspath_prepend(str(site))
    distributions.forget()
    yield site
    distributions.forget()


def owner(name: str, file: Path | None) -> str | None:
    found = distributions.owner(name, str(file) if file else None)
    return found.name if found else None


def test_owner_is_who_lists_the_file(installed: Path, tmp_path: Path) -> None:
    """A module belongs to the distribution whose RECORD lists its file."""
    assert owner("shopkit.a", installed / "shopkit" / "a.py") == "Shop_Kit"
    assert owner("single", installed / "single.py") == "Shop_Kit"
    assert owner("shopkit.b", installed / "shopkit" / "b.py") is None
    assert owner("single", tmp_path / "single.py") is None
    assert owner("nowhere", tmp_path / "nowhere.py") is None


def test_namespaces_are_told_apart(installed: Path) -> None:
    """Distributions that share a namespace each own their part."""
    assert owner("space.one", installed / "space" / "one" / "__init__.py") == "space-one"
    assert owner("space.two", installed / "space" / "two" / "__init__.py") == "space-two"
    assert owner("space.two", None) == "space-two"


def test_editable_code_is_the_users_own(installed: Path) -> None:
    """Modules of an editable installation belong to no distribution."""
    assert owner("__editable___mine", installed / "__editable___mine.py") is None


@pytest.mark.usefixtures("installed")
def test_lock() -> None:
    """A distribution is locked with name, version and a digest of what it lists."""
    found = distributions.find("shop-kit")
    assert found is not None
    assert (found.name, found.version) == ("Shop_Kit", "1.5+local")
    assert found.record is not None
    assert len(found.record) == 64
    assert distributions.find("no-such-thing") is None


def test_digest_does_not_depend_on_the_installer() -> None:
    """One wheel gives one digest wherever, and by whatever, it is installed."""
    one = (
        "a/b.py,sha256=x,1\na/c.py,sha256=y,2\na-1.dist-info/METADATA,sha256=z,3\n"
        "a-1.dist-info/INSTALLER,sha256=p,4\n../../../bin/a,sha256=q,5\n"
    )
    other = "a/c.py,sha256=y,2\na/b.py,sha256=x,1\na/__pycache__/b.cpython-311.pyc,,\n"
    assert distributions.record_digest(one) == distributions.record_digest(other)
    changed = other.replace("sha256=x", "sha256=w")
    assert distributions.record_digest(changed) != distributions.record_digest(other)


@pytest.mark.usefixtures("installed")
def test_mismatches() -> None:
    """What is missing or another version is listed; a version's local part is not compared."""
    record = distributions.find("shop-kit")
    assert record is not None
    wanted = [
        Distribution("shop-kit", "1.5", None),
        Distribution("shop-kit", "1.5+other", "0" * 64),
        Distribution("space-one", "3", None),
        Distribution("absent", "1+cpu", None),
    ]
    lines = list(map(str, distributions.mismatches(wanted)))
    assert lines == ["space-one 3 is needed, 1 is installed", "absent 1+cpu is not installed"]
    lines = list(map(str, distributions.mismatches(wanted[:2], exact=True)))
    assert len(lines) == 1
    assert "its files are not those" in lines[0]
    with pytest.raises(DependencyError, match=r'pip install "space-one==3" "absent==1"'):
        distributions.check("the package", wanted)
    distributions.check("the package", wanted[:1])


def test_standard_library() -> None:
    """Modules that come with Python are told from others."""
    assert distributions.is_standard_library("os.path")
    assert distributions.is_standard_library("sys")
    assert not distributions.is_standard_library("pytest")


def test_real_environment() -> None:
    """pytest, which runs this, is owned by its distribution."""
    assert owner("pytest", Path(sys.modules["pytest"].__file__ or "")) == "pytest"
    found = distributions.find("pytest")
    assert found is not None
    assert found.version == importlib.metadata.version("pytest")
