"""A POP3 client that costs next to nothing: it looks for the final dot and for nothing else.

A command that is not answered +OK raises Refused.
"""

import socket

from .imap_client import Refused

BUFFER_OCTETS = 1 << 20
SILENCE_SECONDS = 300


class Pop3Client:
    """One connection, logged in."""

    def __init__(self, port, user, password):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SILENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = bytearray(BUFFER_OCTETS)
        self.view = memoryview(self.buffer)
        self._line()
        self.short(f"USER {user}")
        self.short(f"PASS {password}")

    def short(self, command):
        """A command with an answer of one line, which is returned."""
        self.socket.sendall(command.encode() + b"\r\n")
        return self._line()

    def retrieve(self, number):
        """Downloads one message, having waited for the one before, as most clients do; returns the octets read."""
        self.socket.sendall(b"RETR %d\r\n" % number)
        octets, tail = 0, b""
        while not tail.endswith(b"\r\n.\r\n"):
            count = self._receive()
            if octets == 0 and self.buffer[:1] == b"-":
                raise Refused(bytes(self.view[:count]).decode(errors="replace"))
            octets += count
            tail = (tail + bytes(self.view[max(0, count - 5) : count]))[-5:]
        return octets

    def retrieve_pipelined(self, count, window):
        """Downloads messages 1 to `count`, with up to `window` commands on their way; returns the octets read."""
        asked = done = octets = 0
        tail = b""
        while done < count:
            if asked - done <= window // 2 and asked < count:
                upto = min(done + window, count)
                self.socket.sendall(b"".join(b"RETR %d\r\n" % number for number in range(asked + 1, upto + 1)))
                asked = upto
            read = tail + bytes(self.view[: self._receive()])
            octets += len(read) - len(tail)
            # Dots are stuffed: a line with a dot alone ends an answer, wherever it comes.
            done += read.count(b"\r\n.\r\n")
            tail = b"" if read.endswith(b"\r\n.\r\n") else read[-4:]
        return octets

    def close(self):
        """Quits and closes."""
        try:
            self.short("QUIT")
        except (Refused, OSError):
            pass
        self.socket.close()

    def _line(self):
        line = b""
        while not line.endswith(b"\r\n"):
            line += bytes(self.view[: self._receive()])
        if not line.startswith(b"+OK"):
            raise Refused(line.decode(errors="replace").rstrip())
        return line

    def _receive(self):
        count = self.socket.recv_into(self.buffer)
        if count == 0:
            raise Refused("the server closed the connection")
        return count
