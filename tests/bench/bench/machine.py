"""What the figures were measured on."""

import os
import platform
import shutil
import tempfile
import time

SYNC_TIMES = 200
SYNC_OCTETS = 4096


def facts(scratch):
    """Processor, memory, kernel, file system, and what an fsync costs where the mail lies."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "kernel": platform.release(),
        "file_system": _file_system(scratch),
        "free_gib": round(shutil.disk_usage(scratch).free / 2**30, 1),
        "fsync_microseconds": round(_fsync_seconds(scratch) * 1e6),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def _processor():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(path):
    path = os.path.realpath(path)
    found = ("", "unknown")
    with open("/proc/mounts", encoding="utf-8", errors="replace") as mounts:
        for mount in mounts:
            _, where, kind, options, *_ = mount.split()
            inside = path == where or path.startswith(where.rstrip("/") + "/")
            if inside and len(where) >= len(found[0]):
                found = (where, f"{kind} ({options})")
    return found[1]


def _fsync_seconds(directory):
    """The mean time to append 4 KiB to a file and have it on the disk."""
    with tempfile.TemporaryFile(dir=directory) as file:
        start = time.monotonic()
        for _ in range(SYNC_TIMES):
            file.write(b"x" * SYNC_OCTETS)
            file.flush()
            os.fsync(file.fileno())
        return (time.monotonic() - start) / SYNC_TIMES
