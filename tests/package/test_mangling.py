from sesha.package.mangling import demangle, is_mangled, mangle, new_prefix, prefix_of


def test_round_trip() -> None:
    """A mangled name is told from others and leads back to name and prefix."""
    prefix = new_prefix()
    name = mangle(prefix, "a.b")
    assert is_mangled(name)
    assert demangle(name) == "a.b"
    assert prefix_of(name) == prefix
    assert mangle(prefix, "") == prefix
    assert demangle(prefix) == ""


def test_other_names_stay() -> None:
    """A name that belongs to no package comes back as it is."""
    assert not is_mangled("a.b")
    assert demangle("a.b") == "a.b"
    assert prefix_of("a.b") is None
    assert not is_mangled("x._sesha_package_1.a")


def test_prefixes_are_identifiers_and_differ() -> None:
    """Each prefix is new, and an identifier."""
    one, other = new_prefix(), new_prefix()
    assert one != other
    assert one.isidentifier()
