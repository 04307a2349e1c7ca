import pickle
from pathlib import Path

import pytest

from sesha.package import HermeticError, PackageExporter, PackageImporter
from sesha.package.errors import PickleError


def opened(target: Path, data: bytes, source: str = "") -> PackageImporter:
    with PackageExporter(target) as exporter:
        exporter.save_source_string("m", source)
        exporter.save_binary("saved", "x.pkl", data)
    return PackageImporter(target)


def test_pickle_that_reaches_outside(tmp_path: Path) -> None:
    """A pickle that names a module which is neither packaged nor extern is refused."""
    with opened(tmp_path / "a.sesha", b"\x80\x04\x8c\x06pytest\x8c\x04exit\x93.") as importer:
        with pytest.raises(HermeticError, match="pytest"):
            importer.load_pickle("saved", "x.pkl")


def test_missing_global(tmp_path: Path) -> None:
    """A name that its module doesn't have is an error with both."""
    with opened(tmp_path / "a.sesha", b"\x80\x04\x8c\x01m\x8c\x05Class\x93.") as importer:
        with pytest.raises(PickleError, match=r"refers to m\.Class, which isn't there"):
            importer.load_pickle("saved", "x.pkl")


@pytest.mark.parametrize("data", [b"", b"\x80\x04]", b"\x80\x04\x8c\x01", b"junk"])
def test_damaged_pickle(tmp_path: Path, data: bytes) -> None:
    """A pickle that is cut off or none at all is a PickleError."""
    with opened(tmp_path / "a.sesha", data) as importer:
        with pytest.raises(PickleError, match="damaged"):
            importer.load_pickle("saved", "x.pkl")


@pytest.mark.parametrize("identifier", ["text", (), ("array", 0), ("unknown", 0, 0), (1, 2, 3)])
def test_persistent_ids_of_no_known_kind(tmp_path: Path, identifier: object) -> None:
    """A persistent id that no exporter writes is a PickleError."""
    data = pickle.dumps(identifier, 4)[:-1] + b"Q."
    with opened(tmp_path / "a.sesha", data) as importer:
        with pytest.raises(PickleError, match="persistent id"):
            importer.load_pickle("saved", "x.pkl")


def test_plain_pickles_are_read(tmp_path: Path) -> None:
    """A pickle that pickle itself wrote is read, as every protocol writes it."""
    for protocol in range(3, pickle.HIGHEST_PROTOCOL + 1):
        data = pickle.dumps({"a": [1, 2.5, None, b"x", "ü"]}, protocol)
        with opened(tmp_path / f"{protocol}.sesha", data) as importer:
            assert importer.load_pickle("saved", "x.pkl") == {"a": [1, 2.5, None, b"x", "ü"]}
