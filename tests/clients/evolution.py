"""Evolution's mail engine, libcamel, against a running server, by Debian's Python and GObject introspection.

Arguments: the host, the ports of imap and imaps, and which of two sessions it is. `first` makes folders, reads, appends, marks,
copies, moves, searches and expunges, is told while it idles, and goes offline and online. `second` comes back with the cache
of the first, by STARTTLS, LOGIN and QRESYNC. The cache is in the working directory. Ends with success, or with what failed;
prints what the engine and the server say to each other.
"""

import imaplib
import os
import sys
import threading
import time

HERE = os.path.join(os.getcwd(), "evolution")
os.environ.update({f"XDG_{name}_HOME": os.path.join(HERE, name.lower()) for name in ("DATA", "CACHE", "CONFIG", "STATE")})
os.environ.update({"XDG_RUNTIME_DIR": HERE, "GSETTINGS_BACKEND": "memory", "CAMEL_DEBUG": "imapx"})
os.makedirs(HERE, mode=0o700, exist_ok=True)

import gi  # noqa: E402 - it reads the environment

gi.require_version("Camel", "1.2")
from gi.repository import Camel, Gio, GLib  # noqa: E402

HOST, IMAP, IMAPS, SESSION = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
USER, PASSWORD = "bob@example.test", "testpass"
FILED = "Büro/Neu & alt"
TOLD_SECONDS_MAX = 60
FLAG = Camel.MessageFlags


class Session(Camel.Session):
    def do_authenticate_sync(self, service, mechanism, cancellable):
        service.set_password(PASSWORD)
        return service.authenticate_sync(mechanism, cancellable) == Camel.AuthenticationResult.ACCEPTED

    def do_trust_prompt(self, service, certificate, errors):
        return Camel.CertTrust.TEMPORARY


def account(**settings):
    Camel.init(HERE, False)
    Camel.Provider.init()
    session = Session(user_data_dir=os.path.join(HERE, "data"), user_cache_dir=os.path.join(HERE, "cache"))
    session.set_online(True)
    # The engine tells what has happened through the main loop.
    threading.Thread(target=GLib.MainLoop().run, daemon=True).start()
    store = session.add_service("account", "imapx", Camel.ProviderType.STORE)
    store.set_proxy_resolver(Gio.SimpleProxyResolver.new(None, None))
    for name, value in {"host": HOST, "user": USER, "filter-inbox": False, **settings}.items():
        store.ref_settings().set_property(name, value)
    assert store.set_online_sync(True) and store.connect_sync()
    # The service does not keep its session.
    store.session = session
    return store


def folder(store, name):
    """Opens a folder. The engine opens what it knows alone, and may have ended before it wrote down what it knew, so that it lists first."""
    assert store.get_folder_info_sync(name, 0).full_name == name
    opened = store.get_folder_sync(name, 0)
    assert opened.refresh_info_sync()
    return opened


def subjects(of):
    """What is in a folder, as UID by subject."""
    return {of.get_message_info(uid).get_subject(): uid for uid in of.get_uids()}


def mark(of, uid, flags=0, keyword=None):
    info = of.get_message_info(uid)
    info.set_flags(flags, flags)
    if keyword:
        info.set_user_flag(keyword, True)


def marked(of, uid, flags):
    return of.get_message_info(uid).get_flags() & flags == flags


def until(what, holds):
    """Waits for what the engine does by itself."""
    deadline = time.monotonic() + TOLD_SECONDS_MAX
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def content(part):
    stream = Camel.StreamMem.new()
    part.get_content().decode_to_stream_sync(stream)
    return bytes(stream.get_byte_array())


def message(subject):
    text = f"From: {USER}\r\nTo: alice@example.test\r\nSubject: {subject}\r\n\r\nappended\r\n"
    mail = Camel.MimeMessage.new()
    assert mail.construct_from_stream_sync(Camel.StreamMem.new_with_buffer(text.encode()))
    return mail


class Elsewhere(imaplib.IMAP4):
    """Another session, in INBOX."""

    def __init__(self):
        super().__init__(HOST, IMAP)
        self.login(USER, PASSWORD)
        self.select("INBOX")

    def mark(self, uid, flags):
        assert self.uid("STORE", uid, "+FLAGS", flags)[0] == "OK"

    def delete(self, uid):
        self.mark(uid, r"(\Deleted)")
        assert self.expunge()[0] == "OK"

    def append_subject(self, subject):
        text = f"From: alice@example.test\r\nSubject: {subject}\r\n\r\ntext\r\n"
        assert self.append("INBOX", None, None, text.encode())[0] == "OK"


def make_folders(store):
    for name in ("INBOX", "Drafts", "Sent"):
        assert store.get_folder_info_sync(name, 0).full_name == name
    store.create_folder_sync(None, "Büro")
    store.create_folder_sync("Büro", "Alt")
    # Debian's engine uses a pointer to nothing when it renames a folder that is not open.
    opened = folder(store, "Büro/Alt")
    assert store.rename_folder_sync("Büro/Alt", FILED)
    assert store.get_folder_info_sync(FILED, 0).full_name == FILED == opened.get_full_name()
    assert store.subscribe_folder_sync(FILED)
    store.create_folder_sync(None, "Gone")
    assert store.delete_folder_sync("Gone")


def read(inbox):
    uids = subjects(inbox)
    assert sorted(uids) == [f"evo-{number}" for number in range(1, 7)], uids
    mail = inbox.get_message_sync(uids["evo-1"])
    assert mail.get_subject() == "evo-1"
    text, attachment = (mail.get_content().get_part(number) for number in (0, 1))
    assert content(text) == "Grüße\r\n.\r\n..dots".encode(), content(text)
    assert (attachment.get_filename(), content(attachment)) == ("data.bin", bytes(range(10)))


def change(store, inbox):
    seen = Camel.MessageInfo.new(None)
    seen.set_flags(FLAG.SEEN, FLAG.SEEN)
    done, uid = inbox.append_message_sync(message("evo-appended"), seen)
    assert done and uid
    inbox.refresh_info_sync()
    uids = subjects(inbox)
    assert uids["evo-appended"] == uid
    mark(inbox, uids["evo-1"], FLAG.SEEN | FLAG.FLAGGED, "$Label1")
    assert inbox.synchronize_sync(False)
    filed = folder(store, FILED)
    assert inbox.transfer_messages_to_sync([uids["evo-1"], uids["evo-2"]], filed, False)
    assert inbox.transfer_messages_to_sync([uids["evo-3"]], filed, True)
    filed.refresh_info_sync()
    assert sorted(subjects(filed)) == ["evo-1", "evo-2", "evo-3"]
    mark(inbox, uids["evo-4"], FLAG.DELETED)
    assert inbox.expunge_sync()
    assert sorted(subjects(inbox)) == ["evo-1", "evo-2", "evo-5", "evo-6", "evo-appended"]


def search(inbox):
    # Not search_by_expression: Python would free the strings that it gives, which are not its own.
    for criterion, count in (
        ('(header-contains "subject" "evo-5")', 1),
        ('(body-contains "grüsse")', 4),
        ('(body-contains "appended")', 1),
        ('(and (body-contains "dots") (system-flag "Flagged"))', 1),
        ('(body-contains "nowhere")', 0),
    ):
        found = inbox.count_by_expression(f"(match-all {criterion})")
        assert found == count, f"{criterion}: {found}"


def is_told(inbox):
    """It idles once it has nothing else to do. Of a message that goes between two IDLEs it takes no notice, so none goes."""
    uids = subjects(inbox)
    other = Elsewhere()
    other.append_subject("told")
    other.mark(uids["evo-2"], r"(\Flagged)")
    until("a message has come", lambda: "told" in subjects(inbox))
    until("a flag was set", lambda: marked(inbox, uids["evo-2"], FLAG.FLAGGED))
    other.logout()


def go_offline(store, inbox):
    assert store.set_online_sync(False)
    uid = subjects(inbox)["evo-1"]
    assert inbox.get_message_sync(uid).get_subject() == "evo-1"
    mark(inbox, uid, FLAG.ANSWERED)
    other = Elsewhere()
    other.delete(subjects(inbox)["evo-6"])
    other.logout()
    assert store.set_online_sync(True)
    assert inbox.synchronize_sync(False) and inbox.refresh_info_sync()
    assert marked(inbox, uid, FLAG.ANSWERED)
    assert sorted(subjects(inbox)) == ["evo-1", "evo-2", "evo-5", "evo-appended", "told"]


def first():
    security = Camel.NetworkSecurityMethod.SSL_ON_ALTERNATE_PORT
    store = account(**{"port": IMAPS, "security-method": security, "auth-mechanism": "PLAIN"})
    make_folders(store)
    inbox = folder(store, "INBOX")
    read(inbox)
    change(store, inbox)
    search(inbox)
    is_told(inbox)
    go_offline(store, inbox)
    assert store.disconnect_sync(True)


def second():
    """INBOX has lost evo-2, has evo-away, and evo-5 is flagged."""
    security = Camel.NetworkSecurityMethod.STARTTLS_ON_STANDARD_PORT
    store = account(**{"port": IMAP, "security-method": security, "use-qresync": True})
    inbox = folder(store, "INBOX")
    uids = subjects(inbox)
    assert sorted(uids) == ["evo-1", "evo-5", "evo-appended", "evo-away", "told"], uids
    assert marked(inbox, uids["evo-5"], FLAG.FLAGGED)
    assert marked(inbox, uids["evo-1"], FLAG.SEEN | FLAG.FLAGGED | FLAG.ANSWERED)
    filed = folder(store, FILED)
    assert filed.get_message_sync(subjects(filed)["evo-3"]).get_subject() == "evo-3"
    # Once it knows a mailbox it asks for what has changed there.
    assert store.set_online_sync(False)
    other = Elsewhere()
    other.delete(uids["told"])
    other.mark(uids["evo-away"], r"(\Flagged)")
    other.append_subject("evo-later")
    other.logout()
    assert store.set_online_sync(True) and inbox.refresh_info_sync()
    assert sorted(subjects(inbox)) == ["evo-1", "evo-5", "evo-appended", "evo-away", "evo-later"]
    assert marked(inbox, uids["evo-away"], FLAG.FLAGGED)
    mark(inbox, uids["evo-5"], FLAG.DELETED)
    mark(inbox, uids["evo-1"], FLAG.DELETED)
    assert inbox.synchronize_sync(True)
    assert store.disconnect_sync(True)


{"first": first, "second": second}[SESSION]()
