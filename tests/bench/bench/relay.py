"""Mail leaves: submitted over 20 connections, relayed to Postfix's `smtp-sink`, which takes everything at once.

`accepted`: messages a second until the last 250 of the submission. `delivered`: messages a second until the sink has them all.
`smtp-source` cannot log in, so the client is our own: it sends many messages a connection, each in two writes (RFC 2920).

The same with a queue full of mail for a host that is not there shows whether that slows mail for hosts that are. Only our
own server is given that queue; for the peer, whose rate is the other one's again, it would take half an hour to fill.
"""

import base64
import re
import socket
import subprocess
import threading
import time

from . import process
from .case import HIGHER, Case, Figure
from .delivery import DELIVERED_SECONDS_MAX, _in_parallel
from .pennyblack import DEAD_DOMAIN, DOMAIN, PASSWORD, Pennyblack

CONNECTIONS = 20
KIB = 10
GOAL = 3.0
USER = "sender"
SINK_SESSIONS = "1000"


def cases(plan):
    """One user sends to a host that is there; without and with mail for one that is not."""
    figures = (Figure("accepted", "msg/s", HIGHER), Figure("delivered", "msg/s", HIGHER, GOAL))

    def run(server, _turn):
        return _relay(server, plan.relay_messages)

    def run_deferred(server, _turn):
        if isinstance(server, Pennyblack):
            _defer(server, plan.deferred_messages)
        return _relay(server, plan.relay_messages)

    return [
        Case(name="relay-10k-20", title=f"{KIB} KiB, {CONNECTIONS} connections, to another host", figures=figures, run=run, accounts=(USER,)),
        Case(name="relay-10k-20-deferred", title=f"the same with {plan.deferred_messages:,} deferred messages in our queue", figures=figures,
             run=run_deferred, accounts=(USER,)),
    ]


def _relay(server, count):
    with Sink(server.sink_port) as sink:
        start = time.monotonic()
        _submit(server, count, "someone@elsewhere.test", KIB * 1024)
        accepted = count / (time.monotonic() - start)
        sink.wait_for(count)
        return {"accepted": accepted, "delivered": count / (time.monotonic() - start)}


def _defer(server, count):
    """Fills the queue once."""
    if not getattr(server, "deferred", False):
        _submit(server, count, f"someone@{DEAD_DOMAIN}", 1024)
        server.deferred = True


def _submit(server, count, recipient, octets):
    """Sends `count` messages over all connections together."""
    shares = [count // CONNECTIONS + (turn < count % CONNECTIONS) for turn in range(CONNECTIONS)]
    _in_parallel([lambda share=share: _send(server, share, recipient, octets) for share in shares if share])


def _send(server, count, recipient, octets):
    line = b"x" * 62 + b"\r\n"
    head = f"From: <{USER}@{DOMAIN}>\r\nTo: <{recipient}>\r\nSubject: benchmark\r\n\r\n".encode()
    message = head + line * (octets // len(line)) + b".\r\n"
    envelope = f"MAIL FROM:<{USER}@{DOMAIN}>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.submission_port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = link.makefile("rb")
        _expect(replies, b"220")
        link.sendall(b"EHLO client.test\r\n")
        _expect(replies, b"250")
        if isinstance(server, Pennyblack):
            login = base64.b64encode(f"\0{USER}@{DOMAIN}\0{PASSWORD}".encode())
            link.sendall(b"AUTH PLAIN " + login + b"\r\n")
            _expect(replies, b"235")
        for _ in range(count):
            link.sendall(envelope)
            for code in (b"250", b"250", b"354"):
                _expect(replies, code)
            link.sendall(message)
            _expect(replies, b"250")
        link.sendall(b"QUIT\r\n")
        _expect(replies, b"221")


def _expect(replies, code):
    line = replies.readline()
    while line[3:4] == b"-":
        line = replies.readline()
    if not line.startswith(code):
        raise RuntimeError(f"expected {code.decode()}, got {line!r}")


class Sink:
    """Postfix's `smtp-sink` on a port; it counts what it takes."""

    def __init__(self, port):
        self.port = port
        self.count = 0
        self.counted = threading.Condition()

    def __enter__(self):
        self.running = subprocess.Popen(["smtp-sink", "-u", "nobody", "-c", f"127.0.0.1:{self.port}", SINK_SESSIONS],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        process.wait_for_port(self.port)
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.running.terminate()
        self.running.wait()

    def wait_for(self, count):
        """Until so many messages have come."""
        with self.counted:
            if not self.counted.wait_for(lambda: self.count >= count, DELIVERED_SECONDS_MAX):
                raise TimeoutError(f"{self.count} of {count} messages after {DELIVERED_SECONDS_MAX} s")

    def _read(self):
        text = b""
        while piece := self.running.stdout.read1():
            text = (text + piece)[-4096:]
            if found := re.findall(rb"mesg=(\d+)\D", text):
                with self.counted:
                    self.count = int(found[-1])
                    self.counted.notify_all()
