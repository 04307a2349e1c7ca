"""The demo: a real sentence encoder in several interpreters of one process; see `scripts/demo`."""
