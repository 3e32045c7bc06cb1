"""What a session costs in memory that waits for news: TLS, logged in, a mailbox selected, IDLE.

The memory of all processes of the server is looked at before and after, and what was added is divided by the sessions. Dovecot
has a process for each session, so fewer are opened there.
"""

import functools
import re
import socket
import ssl
import time

from .case import LOWER, Case, Figure
from .pennyblack import DOMAIN, KEY, PASSWORD

SLEEPER = "sleeper"
KIB = 1024
SETTLE_SECONDS = 2
GOAL = 5.0


def cases(plan):
    """One case."""
    if not plan.idle_sessions:
        return []
    figures = (Figure("kib", "KiB", LOWER, GOAL),)
    title = f"memory of a session over TLS that idles, of {plan.idle_sessions:,} (peer: {plan.idle_sessions_peer:,})"
    return [Case("idle-sessions", title, figures, lambda server, _: _measure(server, plan), (SLEEPER,))]


def _measure(server, plan):
    count = plan.idle_sessions if server.key == KEY else plan.idle_sessions_peer
    before = sum(server.memory().values())
    sessions = []
    try:
        for _ in range(count):
            sessions.append(_idle(server.imaps_port))
        time.sleep(SETTLE_SECONDS)
        added = sum(server.memory().values()) - before
    finally:
        for session in sessions:
            session.close()
    time.sleep(SETTLE_SECONDS)
    return {"kib": max(0, added) / KIB / count}


def _idle(port):
    session = _context().wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60))
    _until(session, rb"\* OK")
    for command, answer in ((f"a LOGIN {SLEEPER}@{DOMAIN} {PASSWORD}", rb"a OK"), ("b SELECT INBOX", rb"b OK"), ("c IDLE", rb"\+ ")):
        session.sendall(command.encode() + b"\r\n")
        _until(session, answer)
    return session


@functools.cache
def _context():
    """One for all: it takes more room than a connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _until(session, line):
    """Reads up to a line that begins so."""
    answer = b""
    while not re.search(rb"^" + line + rb"[^\n]*\n", answer, re.MULTILINE):
        octets = session.recv(4096)
        if not octets:
            raise RuntimeError(f"the server closed the connection after {answer!r}")
        answer += octets
