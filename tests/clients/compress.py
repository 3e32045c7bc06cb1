"""Python's imaplib and zlib against COMPRESS=DEFLATE (RFC 4978), over TLS.

Arguments: the host and the port of imaps. Ends with success, or with a traceback.
"""

import imaplib
import ssl
import sys
import zlib

HOST, PORT = sys.argv[1], int(sys.argv[2])

TRUST = ssl.create_default_context()
TRUST.check_hostname = False
TRUST.verify_mode = ssl.CERT_NONE

imaplib.Commands["COMPRESS"] = ("AUTH", "SELECTED")


class Compressed(imaplib.IMAP4_SSL):
    """imaplib whose octets go through zlib once COMPRESS has succeeded."""

    squeeze = None

    def compress(self):
        status, data = self._simple_command("COMPRESS", "DEFLATE")
        assert status == "OK", data
        self.squeeze = zlib.compressobj(6, zlib.DEFLATED, -15)
        self.unpack = zlib.decompressobj(-15)
        self.unread = b""

    def send(self, data):
        if self.squeeze:
            data = self.squeeze.compress(data) + self.squeeze.flush(zlib.Z_SYNC_FLUSH)
        super().send(data)

    def _fill(self):
        octets = self.sock.recv(65536)
        assert octets, "the server has closed"
        self.unread += self.unpack.decompress(octets)

    def read(self, size):
        if not self.squeeze:
            return super().read(size)
        while len(self.unread) < size:
            self._fill()
        octets, self.unread = self.unread[:size], self.unread[size:]
        return octets

    def readline(self):
        if not self.squeeze:
            return super().readline()
        while b"\n" not in self.unread:
            self._fill()
        line, _, self.unread = self.unread.partition(b"\n")
        return line + b"\n"


def ok(reply):
    status, data = reply
    assert status == "OK", reply
    return data


imap = Compressed(HOST, PORT, ssl_context=TRUST)
ok(imap.login("alice@example.test", "testpass"))
imap.compress()
MESSAGES = [
    b"Subject: %d\r\n\r\n" % number + b"line %d\r\n" % number * size
    for number, size in enumerate([1, 100, 50_000, 300_000])
]
for message in MESSAGES:
    ok(imap.append("INBOX", None, None, message))
assert ok(imap.select("INBOX")) == [b"4"]
for number, message in enumerate(MESSAGES, 1):
    assert ok(imap.fetch(str(number), "(BODY.PEEK[])"))[0][1] == message
for _ in range(50):
    ok(imap.noop())
ok(imap.fetch("1:4", "(FLAGS ENVELOPE BODYSTRUCTURE)"))
assert imap.logout()[0] == "BYE"
