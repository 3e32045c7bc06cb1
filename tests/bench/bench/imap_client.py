"""An IMAP client that costs next to nothing: it reads large buffers and looks for nothing but the tagged reply.

Answers are counted, not parsed, unless they are small and asked for. A command that is not answered OK raises Refused.
"""

import contextlib
import itertools
import re
import socket

BUFFER_OCTETS = 1 << 20
TAIL_OCTETS = 4096  # more than any tagged line is long
SILENCE_SECONDS = 300


class Refused(Exception):
    """The server answered NO, BAD, BYE, or closed the connection."""


class ImapClient:
    """One connection, logged in."""

    def __init__(self, port, user, password):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SILENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(BUFFER_OCTETS)
        self.view = memoryview(self.buffer)
        self.tags = 0
        self._greeting()
        self.small(f"LOGIN {user} {password}")

    def drain(self, command):
        """Sends a command and reads its answer away; returns the octets read."""
        tag = self._send(command)
        tail, octets = b"", 0
        while True:
            count = self._receive()
            octets += count
            tail = _last(tail, self.view[:count])
            if self._finished(tag, tail):
                return octets

    def small(self, command):
        """Sends a command; returns its whole answer, without the tagged line."""
        tag = self._send(command)
        answer = bytearray()
        while True:
            answer += self.view[: self._receive()]
            if self._finished(tag, bytes(answer[-TAIL_OCTETS:])):
                return bytes(answer[: answer.rfind(tag)])

    def messages(self, mailbox="INBOX"):
        """How many messages a mailbox holds, by STATUS."""
        return _number(rb"MESSAGES (\d+)", self.small(f"STATUS {mailbox} (MESSAGES)"))

    def select(self, mailbox="INBOX"):
        """Selects a mailbox; returns how many messages it holds."""
        return _number(rb"\* (\d+) EXISTS", self.small(f"SELECT {mailbox}"))

    def offers(self, capability):
        """Whether the server announces this capability."""
        return capability.encode() in self.small("CAPABILITY").split()

    @contextlib.contextmanager
    def idling(self):
        """Idles while in it; `wait_for` waits for news."""
        tag = self._send("IDLE")
        self.wait_for(b"+ ")
        yield
        self.socket.sendall(b"DONE\r\n")
        self.wait_for(tag + b" OK")

    def wait_for(self, text):
        """Reads until this text has come."""
        answer = bytearray()
        while text not in answer:
            answer += self.view[: self._receive()]

    def append(self, mailbox, messages, flags=None):
        """Appends all messages by one command (MULTIAPPEND, non-synchronising literals), each with its flags if there are any."""
        self.tags += 1
        tag = b"zq%d" % self.tags
        parts = [tag, b" APPEND ", mailbox.encode()]
        for number, message in enumerate(messages):
            marks = b" (%b)" % " ".join(flags[number]).encode() if flags else b""
            parts += [b"%b {%d+}\r\n" % (marks, len(message)), message]
        parts.append(b"\r\n")
        self.socket.sendall(b"".join(parts))
        tail = b""
        while True:
            tail = _last(tail, self.view[: self._receive()])
            if self._finished(tag, tail):
                return

    def load(self, mailbox, messages, batch=500):
        """Appends any number of messages, given with their flags, to a new mailbox."""
        self.drain(f"CREATE {mailbox}")
        messages = iter(messages)
        while some := list(itertools.islice(messages, batch)):
            self.append(mailbox, [message for message, _ in some], [flags for _, flags in some])

    def close(self):
        """Logs out and closes."""
        try:
            self.drain("LOGOUT")
        except (Refused, OSError):
            pass
        self.socket.close()

    def _send(self, command):
        self.tags += 1
        tag = b"zq%d" % self.tags
        self.socket.sendall(b"%b %b\r\n" % (tag, command.encode()))
        return tag

    def _receive(self):
        count = self.socket.recv_into(self.buffer)
        if count == 0:
            raise Refused("the server closed the connection")
        return count

    def _greeting(self):
        line = bytes(self.view[: self._receive()])
        if not line.startswith(b"* OK"):
            raise Refused(line.decode(errors="replace"))

    @staticmethod
    def _finished(tag, tail):
        if not tail.endswith(b"\r\n"):
            return False
        line = tail[tail.rfind(b"\n", 0, -2) + 1 :]
        if not line.startswith(tag + b" "):
            return False
        if not line.startswith(tag + b" OK"):
            raise Refused(line.decode(errors="replace").rstrip())
        return True


def _last(tail, view):
    """The last octets of what has been read so far, given the last ones of before."""
    if len(view) >= TAIL_OCTETS:
        return bytes(view[-TAIL_OCTETS:])
    return (tail + bytes(view))[-TAIL_OCTETS:]


def _number(pattern, answer):
    found = re.search(pattern, answer)
    if not found:
        raise Refused(f"no {pattern!r} in {answer[:200]!r}")
    return int(found[1])
