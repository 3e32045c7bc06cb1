"""Logs in to IMAP over TLS by SCRAM-SHA-256 or SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677, RFC 5929), from the RFCs alone.

usage: scram.py HOST PORT USER PASSWORD MECHANISM BINDING

BINDING: none; tls-server-end-point; unoffered (the client could bind, and claims that we do not offer it); wrong (the hash of
another certificate). Prints "accepted" or "refused"; the server's own proof must be right. The password is prepared by no
SASLprep: it is ASCII.
"""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import sys

host, port, user, password, mechanism, kind = sys.argv[1:]


def b64(octets):
    return base64.b64encode(octets).decode()


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
connection = context.wrap_socket(socket.create_connection((host, int(port)), 30), server_hostname="mail.example.test")
lines = connection.makefile("rb")

# The harness's certificates are signed with SHA-256, so that is the hash of RFC 5929 §4.1.
certificate = hashlib.sha256(connection.getpeercert(binary_form=True)).digest()
header, data = {
    "none": ("n,,", b""),
    "unoffered": ("y,,", b""),
    "tls-server-end-point": ("p=tls-server-end-point,,", certificate),
    "wrong": ("p=tls-server-end-point,,", hashlib.sha256(certificate).digest()),
}[kind]


def line():
    text = lines.readline().decode().rstrip("\r\n")
    while text.startswith("* "):
        text = lines.readline().decode().rstrip("\r\n")
    return text


def send(text):
    connection.sendall(text.encode() + b"\r\n")
    answer = line()
    if answer.startswith("a NO") or answer.startswith("a BAD"):
        print("refused")
        sys.exit(0)
    return answer


def challenge(answer):
    assert answer.startswith("+ "), answer
    return base64.b64decode(answer[2:]).decode()


nonce = b64(os.urandom(18))
bare = f"n={user},r={nonce}"
first = challenge(send(f"a AUTHENTICATE {mechanism} {b64((header + bare).encode())}"))
fields = dict(field.split("=", 1) for field in first.split(","))
assert fields["r"].startswith(nonce) and len(fields["r"]) > len(nonce), first
salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
client_key = sign(salted, "Client Key")
last = f"c={b64(header.encode() + data)},r={fields['r']}"
message = f"{bare},{first},{last}"
proof = bytes(a ^ b for a, b in zip(client_key, sign(hashlib.sha256(client_key).digest(), message)))
final = challenge(send(f"{b64((last + ',p=' + b64(proof)).encode())}"))
assert final == "v=" + b64(sign(sign(salted, "Server Key"), message)), final
answer = send("")
assert answer.startswith("a OK"), answer
print("accepted")
