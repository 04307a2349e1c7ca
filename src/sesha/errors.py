"""The root of the project's exceptions."""


class SeshaError(Exception):
    """Every error that is the project's own; catch this to catch them all."""
