"""Forks, runs programs and threads."""

import os
import subprocess
import sys
import threading

MADE_WITH = "C"
DISTRIBUTION = ""


def _fork() -> tuple[int, bytes]:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            thread = threading.Thread(target=os.write, args=(write, b"from the child"))
            thread.start()
            thread.join()
            os._exit(7)
        finally:
            os._exit(1)
    os.close(write)
    text = os.read(read, 100)
    os.close(read)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def exercise() -> object:
    total: list[int] = []
    threads = [threading.Thread(target=lambda k=k: total.append(k)) for k in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = subprocess.run(
        [sys.executable, "-c", "import sys, ssl; print(sys.argv[1] * 3)", "ab"],
        capture_output=True,
        check=True,
        text=True,
    )
    before = subprocess.run(["/bin/true"], preexec_fn=lambda: os.umask(0), check=False).returncode
    return _fork(), sorted(total), done.stdout, before, os.popen("echo shell").read()
