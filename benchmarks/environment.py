"""What a figure depends on beside the code: the machine, the versions and who else was busy."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

_PACKAGES = ("sesha", "torch", "numpy", "cloudpickle", "transformers", "tokenizers")
_VARIABLES = ("OMP_", "MKL_", "OPENBLAS_", "MALLOC_", "LD_PRELOAD", "PYTHONMALLOC")
_ROOT = Path(__file__).resolve().parent.parent


def describe() -> dict[str, Any]:
    """Return the circumstances as they are now, ready for JSON. No name of the host is in it."""
    frequency = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return {
        "time": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "governor": frequency.read_text().strip() if frequency.exists() else "none to be seen",
        "virtual_machine": "hypervisor" in Path("/proc/cpuinfo").read_text(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": _versions(),
        "variables": {k: v for k, v in sorted(os.environ.items()) if k.startswith(_VARIABLES)},
        "switch_interval": sys.getswitchinterval(),
        "priority": _priority(),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def _priority() -> str:
    """Return how this process stands with others: of itself, and of its session (sched(7))."""
    autogroup = Path("/proc/self/autogroup")
    session = autogroup.read_text().split()[-1] if autogroup.exists() else "0"
    return f"nice {os.nice(0)}, session {session}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=12"],  # noqa: S607 - git from PATH
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


class Disturbance:
    """How much of the machine others used while a benchmark ran.

    Counts the processor time of the whole machine less that of this process and its children that
    have ended or were living at the end. Time that the hypervisor stole counts as others'.
    """

    def __init__(self) -> None:
        self._others = self._machine() - self._own()
        self._start = time.monotonic()

    @staticmethod
    def _machine() -> float:
        times = psutil.cpu_times()
        return float(
            times.user + times.nice + times.system + times.irq + times.softirq + times.steal
        )

    @staticmethod
    def _own() -> float:
        me = psutil.Process()
        mine = me.cpu_times()
        total = mine.user + mine.system + mine.children_user + mine.children_system
        for child in me.children(recursive=True):
            try:
                used = child.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += used.user + used.system
        return float(total)

    def cores(self) -> float:
        """Return the cores that others kept busy, on average since this object was made."""
        passed = max(time.monotonic() - self._start, 1e-3)
        return round(max(0.0, self._machine() - self._own() - self._others) / passed, 2)
