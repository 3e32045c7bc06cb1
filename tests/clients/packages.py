"""IMAPClient and imap-tools, from PyPI, against a running server.

Arguments: the host and the port of imaps. Ends with success, or with a traceback.
"""

import ssl
import sys
from datetime import date

import imap_tools
import imapclient

HOST, PORT = sys.argv[1], int(sys.argv[2])
ALICE, PASSWORD = "alice@example.test", "testpass"

TRUST = ssl.create_default_context()
TRUST.check_hostname = False
TRUST.verify_mode = ssl.CERT_NONE

MESSAGE = "From: bob@example.test\r\nTo: alice@example.test\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {}\r\n" \
          "Message-ID: <{}@example.test>\r\nDate: Thu, 1 Jan 2026 10:00:00 +0000\r\n\r\ntext {}\r\n"


def message(number):
    return MESSAGE.format(number, number, number).encode()


def with_imapclient():
    with imapclient.IMAPClient(HOST, PORT, ssl_context=TRUST) as client:
        client.login(ALICE, PASSWORD)
        client.id_({"name": "IMAPClient"})
        assert client.namespace().personal == (("", "/"),)
        client.create_folder("Entwürfe/Alt")
        assert "Entwürfe/Alt" in [name for _, _, name in client.list_folders()]
        assert client.find_special_folder(b"\\Sent") == "Sent"
        client.multiappend("Entwürfe/Alt", [message(1), {"msg": message(2), "flags": [b"\\Seen"]}])
        chosen = client.select_folder("Entwürfe/Alt")
        assert chosen[b"EXISTS"] == 2 and chosen[b"HIGHESTMODSEQ"]
        assert client.search(["UNSEEN"]) == [1]
        assert client.search(["SUBJECT", "Grüße 2"], "UTF-8") == [2]
        data = client.fetch([1, 2], ["FLAGS", "ENVELOPE", "BODY.PEEK[]", "BODYSTRUCTURE", "INTERNALDATE", "MODSEQ"])
        assert data[1][b"BODY[]"] == message(1) and b"\\Seen" in data[2][b"FLAGS"]
        assert data[1][b"ENVELOPE"].message_id == b"<1@example.test>"
        client.add_flags([1], [imapclient.FLAGGED, "$Label"])
        assert set(client.get_flags([1])[1]) >= {b"\\Flagged", b"$Label"}
        client.move([1], "Archive")
        client.delete_messages([2])
        client.uid_expunge([2])
        client.idle()
        assert client.idle_check(timeout=0.1) == []
        client.idle_done()
        assert client.folder_status("Archive", ["MESSAGES"]) == {b"MESSAGES": 1}
        client.rename_folder("Entwürfe/Alt", "Neu")
        client.subscribe_folder("Neu")
        client.select_folder("Archive")
        client.delete_folder("Neu")
        assert client.folder_status("Archive", ["UNSEEN"]) == {b"UNSEEN": 1}


def with_imap_tools():
    with imap_tools.MailBox(HOST, PORT, ssl_context=TRUST).login(ALICE, PASSWORD, "INBOX") as box:
        for number in (3, 4, 5):
            assert box.append(message(number), "INBOX", dt=None, flag_set=[])[0] == "OK"
        box.folder.create("Büro")
        assert box.folder.exists("Büro")
        found = list(box.fetch(imap_tools.AND(subject="Grüße", date_gte=date(2020, 1, 1)), charset="utf8", mark_seen=False))
        assert [mail.subject for mail in found] == ["Grüße 3", "Grüße 4", "Grüße 5"]
        assert found[0].text == "text 3\r\n" and found[0].from_ == "bob@example.test"
        uids = box.uids()
        box.flag(uids[0], imap_tools.MailMessageFlags.FLAGGED, True)
        assert [mail.uid for mail in box.fetch(imap_tools.AND(flagged=True))] == [uids[0]]
        box.copy(uids[0], "Büro")
        box.move(uids[1], "Büro")
        box.delete(uids[2])
        assert box.folder.status("Büro")["MESSAGES"] == 2
        assert box.folder.status("INBOX")["MESSAGES"] == 1
        with box.idle as idle:
            assert idle.poll(timeout=0.1) == []
        box.folder.delete("Büro")


with_imapclient()
with_imap_tools()
