"""A run is a whole process, watched from outside: the clock runs from its start until it says that its result is
written; its memory is the most that the system ever gave it."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

import psutil

from bench.fields import DONE, THREADS


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took, and what it said of itself (seconds by step, counts). `cpu_seconds` over all threads:
    what a busy machine does not change."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    said: dict[str, float]


def run(module: str, *arguments: str) -> Run:
    """Run `python -m module arguments` with two threads; raises RuntimeError when it fails."""
    environment = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "ARROW_NUM_THREADS"), THREADS)
    environment |= {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}  # what is done with is given back
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # byte code is there, as where it is installed
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, env=environment, text=True
    )
    watched = _Watched(process.pid)
    seconds, cpu, peak, said = 0.0, 0.0, 0.0, {}
    assert process.stdout is not None
    for line in process.stdout:
        name, _, value = line.strip().partition("=")
        if name == DONE:
            seconds, cpu, peak = time.perf_counter() - began, watched.cpu_seconds(), watched.peak_mb()
        elif value:
            said[name] = float(value)
    if process.wait() != 0 or not seconds:
        raise RuntimeError(f"{module} failed")
    return Run(seconds, cpu, peak, said)


class _Watched:
    """The peak memory of a process and its children: the system's own high-water mark where it keeps one (Linux),
    else the largest of many samples."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._process = psutil.Process(pid)
        self._largest = 0.0
        if not self._status.exists():
            Thread(target=self._sample, daemon=True).start()

    def _sample(self) -> None:
        try:
            while True:
                self._largest = max(self._largest, self._process.memory_info().rss / 2**20)
                time.sleep(0.02)
        except psutil.Error:
            return

    def cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def peak_mb(self) -> float:
        if not self._status.exists():
            return self._largest
        for line in self._status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**10
        return self._largest
