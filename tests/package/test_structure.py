from sesha.package.structure import Directory

FILES = ["a/b/c.py", "a/b/d.txt", "a/e.py", "f.json"]


def test_drawing() -> None:
    """The tree is drawn with folders first."""
    assert str(Directory.of("x.sesha", FILES)) == (
        "x.sesha\n├── a\n│   ├── b\n│   │   ├── c.py\n│   │   └── d.txt\n│   └── e.py\n└── f.json\n"
    )


def test_has_file() -> None:
    """Files and folders are found by path."""
    tree = Directory.of("x", FILES)
    assert tree.has_file("a/b/c.py")
    assert tree.has_file("a/b")
    assert not tree.has_file("a/x/c.py")


def test_globs_choose() -> None:
    """Include and exclude choose the files of the tree."""
    tree = Directory.of("x", FILES, include="**/*.py", exclude="a/b/**")
    assert tree.has_file("a/e.py")
    assert not tree.has_file("a/b/c.py")
    assert not tree.has_file("f.json")
