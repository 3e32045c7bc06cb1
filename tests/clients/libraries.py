"""Python's smtplib, imaplib and poplib against a running server: send, read, mark, move, delete.

Arguments: the host, then NAME=PORT for each listener. Ends with success, or with a traceback.
"""

import imaplib
import poplib
import smtplib
import ssl
import sys
from email.message import EmailMessage

HOST = sys.argv[1]
PORTS = {name: int(port) for name, port in (word.split("=") for word in sys.argv[2:])}
ALICE, BOB, PASSWORD = "alice@example.test", "bob@example.test", "testpass"

TRUST = ssl.create_default_context()
TRUST.check_hostname = False
TRUST.verify_mode = ssl.CERT_NONE


def message(subject):
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = ALICE, BOB, subject
    mail.set_content("Grüße\n.\nend\n")
    mail.add_attachment(bytes(range(256)) * 40, maintype="application", subtype="octet-stream", filename="ä.bin")
    return mail


def send():
    with smtplib.SMTP(HOST, PORTS["smtp"]) as smtp:
        smtp.send_message(message("25"))
    with smtplib.SMTP(HOST, PORTS["submission"]) as smtp:
        smtp.starttls(context=TRUST)
        smtp.login(ALICE, PASSWORD)
        smtp.send_message(message("587"))
    with smtplib.SMTP_SSL(HOST, PORTS["submissions"], context=TRUST) as smtp:
        smtp.login(ALICE, PASSWORD)
        smtp.send_message(message("465 a"))
        smtp.send_message(message("465 b"))
        assert smtp.verify(BOB)[0] == 252
        try:
            smtp.sendmail(ALICE, ["nobody@example.test"], b"Subject: x\r\n\r\n")
            raise AssertionError("nobody was accepted")
        except smtplib.SMTPRecipientsRefused as refused:
            assert refused.recipients["nobody@example.test"][0] == 550


def ok(reply):
    status, data = reply
    assert status == "OK", reply
    return data


def read_by_imap():
    imap = imaplib.IMAP4(HOST, PORTS["imap"])
    ok(imap.starttls(TRUST))
    ok(imap.login(BOB, PASSWORD))
    assert ok(imap.select("INBOX")) == [b"4"]
    assert ok(imap.search(None, "SUBJECT", "465")) == [b"3 4"]
    data = ok(imap.fetch("1", "(RFC822)"))
    assert "Grüße".encode() in data[0][1] or b"Gr=C3=BC=C3=9Fe" in data[0][1] or b"R3LDvMOfZQ" in data[0][1]
    ok(imap.store("1:2", "+FLAGS", r"(\Flagged $Work)"))
    assert ok(imap.search(None, "KEYWORD", "$Work")) == [b"1 2"]
    ok(imap.create("Projekte/&AOQ-"))
    ok(imap.copy("1:2", '"Projekte/&AOQ-"'))
    ok(imap.uid("MOVE", "3", "Archive"))
    ok(imap.append("Drafts", r"(\Draft \Seen)", None, message("draft").as_bytes().replace(b"\n", b"\r\n")))
    names = [line.decode() for line in ok(imap.list())]
    assert any("&AOQ-" in name for name in names), names
    assert ok(imap.status("Archive", "(MESSAGES UIDNEXT)")) == [b"Archive (MESSAGES 1 UIDNEXT 2)"]
    ok(imap.close())
    imap.logout()

    imap = imaplib.IMAP4_SSL(HOST, PORTS["imaps"], ssl_context=TRUST)
    ok(imap.authenticate("PLAIN", lambda _: f"\0{BOB}\0{PASSWORD}".encode()))
    assert ok(imap.select('"Projekte/&AOQ-"', readonly=True)) == [b"2"]
    ok(imap.unselect())
    ok(imap.delete('"Projekte/&AOQ-"'))
    imap.logout()


def read_by_pop3():
    pop = poplib.POP3(HOST, PORTS["pop3"])
    pop.stls(TRUST)
    pop.user(BOB)
    pop.pass_(PASSWORD)
    count, _ = pop.stat()
    assert count == 3, count
    uids = pop.uidl()[1]
    assert len(set(uids)) == 3
    lines = pop.retr(1)[1]
    assert b"Subject: 25" in lines
    assert pop.top(1, 0)[1][-1] == b""
    pop.dele(1)
    pop.quit()

    pop = poplib.POP3_SSL(HOST, PORTS["pop3s"], context=TRUST)
    pop.user(BOB)
    pop.pass_(PASSWORD)
    assert pop.uidl()[1] == [b"1 " + uids[1].split()[1], b"2 " + uids[2].split()[1]]
    pop.quit()


send()
read_by_imap()
read_by_pop3()
