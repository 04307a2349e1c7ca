"""Loads, and refuses a file that is not there."""

import hf_xet

MADE_WITH = "PyO3"
DISTRIBUTION = "hf-xet"


def exercise() -> object:
    try:
        return hf_xet.hash_files(["/nonexistent/file"])
    except Exception as error:
        return type(error).__name__
