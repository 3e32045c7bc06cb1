"""Processes under measurement: their trees, memory and processor time, read from /proc.

A process that ends while it is being read counts as nothing. Only Linux is known here.
"""

import os
import socket
import subprocess
import time

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
KIB = 1024


def free_ports(count):
    """`count` different free ports on 127.0.0.1; another process could still take one before it is used."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def wait_for_port(port, seconds=15):
    """Waits until something listens on 127.0.0.1:`port`; TimeoutError if nothing does."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"nothing listens on port {port} after {seconds} s") from None
            time.sleep(0.02)


def run_checked(command, **options):
    """Runs a command to its end; RuntimeError with all that it said if it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}")
    return done.stdout


def tree(root):
    """`root` and all that descend from it, as process ids."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = _stat(int(name))
            if stat:
                children.setdefault(int(stat[1]), []).append(int(name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting.extend(children.get(pid, []))
    return found


def processor_seconds(roots):
    """Processor time spent so far by these trees, ended children included."""
    ticks = 0
    for root in roots:
        for pid in tree(root):
            stat = _stat(pid)
            if stat:
                ticks += sum(map(int, stat[11:15]))  # utime, stime, and both of ended children
    return ticks / CLOCK_TICKS


def resident_bytes(pid):
    """VmRSS: what one process holds in memory, libraries shared with others included."""
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * KIB
    except OSError:
        pass
    return 0


def proportional_bytes(root):
    """Sum of PSS over a tree: what is shared by several processes counts once in all."""
    total = 0
    for pid in tree(root):
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
                for line in rollup:
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * KIB
                        break
        except OSError:
            continue
    return total


def _stat(pid):
    """The fields of /proc/PID/stat after the name: [0] is the state, [1] the parent."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()
    except OSError:
        return None
