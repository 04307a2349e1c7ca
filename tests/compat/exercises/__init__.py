"""One module for each package with native code.

Each has `MADE_WITH`, the tool that binds the package's native code to Python; `DISTRIBUTION`, its name
on the package index (empty for the standard library); and `exercise()`, which computes something real
with the package and returns plain values: equal on every call, in every interpreter and process.
"""
