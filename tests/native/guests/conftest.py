"""The compiler and the interpreters of the tests of images serve here too."""

from tests.native.images.conftest import build, everywhere, pool

__all__ = ["build", "everywhere", "pool"]
