"""Reads facts of this process and this machine."""

import os

import psutil

MADE_WITH = "C"
DISTRIBUTION = "psutil"


def exercise() -> object:
    process = psutil.Process()
    return (
        process.pid == os.getpid(),
        process.memory_info().rss > 0,
        psutil.cpu_count(),
        psutil.virtual_memory().total,
        process.ppid(),
        process.num_threads() > 1,
        sorted(process.as_dict(["name", "username"]).items()),
    )
