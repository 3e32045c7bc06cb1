"""Runs a program with listening sockets as systemd does (sd_listen_fds(3)).

usage: activate.py NAME=HOST:PORT... -- PROGRAM ARGUMENT...
"""

import os
import socket
import sys

FIRST_DESCRIPTOR = 3
split = sys.argv.index("--")
sockets = [argument.split("=") for argument in sys.argv[1:split]]
program = sys.argv[split + 1 :]

held = []
for _, address in sockets:
    host, port = address.rsplit(":", 1)
    listener = socket.create_server((host, int(port)))
    # Out of the way of the numbers that they are to have.
    held.append(os.dup2(listener.fileno(), 100 + len(held)))
    listener.close()
for index, descriptor in enumerate(held):
    os.dup2(descriptor, FIRST_DESCRIPTOR + index, inheritable=True)
    os.close(descriptor)
os.environ["LISTEN_FDS"] = str(len(held))
os.environ["LISTEN_PID"] = str(os.getpid())
os.environ["LISTEN_FDNAMES"] = ":".join(name for name, _ in sockets)
os.execv(program[0], program)
