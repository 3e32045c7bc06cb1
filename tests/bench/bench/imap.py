"""Mail is read over IMAP: one mailbox of 20,000 messages, one client, one command at a time.

Where Dovecot builds a cache while it answers, the figures are two: `first`, with that cache removed, and `again`, with it.
Each is asked for over a connection of its own; SELECT is not part of the time, except in `imap-select`, where `again` is
a second SELECT over the same connection.
"""

import re
import statistics
import time

from .case import HIGHER, LOWER, Case, Figure
from .corpus import NEEDLE, first_messages
from .imap_client import ImapClient
from .pennyblack import DOMAIN, PASSWORD

READER = "reader"
APPENDER = "appender"
APPEND_BATCH = 50
GOAL = 1.0
MILLISECONDS = 1000

# name, what is shown, command
FETCHES = (
    ("imap-headers", "FETCH all headers", "FETCH 1:* (BODY.PEEK[HEADER])"),
    ("imap-fields", "FETCH what a list of messages shows",
     "UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER.FIELDS (From To Cc Subject Date Message-ID References)])"),
    ("imap-envelope", "FETCH ENVELOPE", "FETCH 1:* (ENVELOPE)"),
    ("imap-bodystructure", "FETCH BODYSTRUCTURE", "FETCH 1:* (BODYSTRUCTURE)"),
    ("imap-flags", "FETCH FLAGS", "FETCH 1:* (UID FLAGS)"),
    ("imap-bodies", "FETCH all messages whole", "FETCH 1:* (BODY.PEEK[])"),
)
SEARCHES = (
    ("imap-search-text", "SEARCH TEXT", f"SEARCH TEXT {NEEDLE}"),
    ("imap-search-body", "SEARCH BODY", f"SEARCH BODY {NEEDLE}"),
    ("imap-search-header", "SEARCH HEADER", 'SEARCH HEADER Message-ID "<4711@"'),
    ("imap-search-subject", "SEARCH SUBJECT", "SEARCH SUBJECT meconlo"),
    ("imap-search-flag", "SEARCH UNSEEN", "SEARCH UNSEEN"),
)


def cases(plan):
    """SELECT, the fetches, STORE, the searches and APPEND."""

    def prepare(server):
        fill(server, READER, plan.imap_messages)

    shared = {"accounts": (READER,), "prepare": prepare}
    found = [Case(
        "imap-select", "SELECT, as the first of a connection and then again",
        (Figure("first", "ms", LOWER, GOAL), Figure("again", "ms", LOWER, GOAL)), lambda server, _: _select(server, plan), **shared)]
    found += [_reading(name, title, command, plan, _drained, shared) for name, title, command in FETCHES]
    found.append(Case(
        "imap-store", r"STORE +FLAGS (\Flagged) on all", (Figure("set", "ms", LOWER, GOAL), Figure("clear", "ms", LOWER, GOAL)),
        lambda server, _: _store(server), **shared))
    found += [_reading(name, title, command, plan, _hits, shared) for name, title, command in SEARCHES]
    found.append(_append(plan))
    return found


def fill(server, account, count):
    """Appends the first `count` messages to the account's INBOX, and leaves them read, unread and answered as mail is."""
    messages = first_messages(count)
    client = _connect(server, account)
    appended = client.messages()
    for start in range(appended, count, APPEND_BATCH):
        client.append("INBOX", messages[start : min(start + APPEND_BATCH, count)])
    client.select()
    client.drain(rf"STORE 1:{count * 3 // 4} +FLAGS.SILENT (\Seen)")
    client.drain(rf"STORE 1:{count // 4} +FLAGS.SILENT (\Answered)")
    client.close()
    server.settle()


def _connect(server, account):
    return ImapClient(server.imap_port, f"{account}@{DOMAIN}", PASSWORD)


def _reading(name, title, command, plan, answer, shared):
    """A command that only reads: once without the peer's cache, once with it."""
    figures = (Figure("first", "ms", LOWER, GOAL), Figure("again", "ms", LOWER, GOAL))

    def run(server, _turn):
        server.forget_caches(READER)
        result = {}
        for figure in ("first", "again"):
            client = _connect(server, READER)
            count = client.select()
            if count != plan.imap_messages:
                raise RuntimeError(f"{server.name}: {count} messages in the mailbox, not {plan.imap_messages}")
            start = time.monotonic()
            result["answer"] = answer(client, command)
            result[figure] = (time.monotonic() - start) * MILLISECONDS
            client.close()
        return result

    # What a search finds must be the same everywhere. The octets of a fetch may differ: quoted strings or literals.
    return Case(name, title, figures, run, same=("answer",) if answer is _hits else (), **shared)


def _drained(client, command):
    return client.drain(command)


def _hits(client, command):
    line = re.search(rb"\* SEARCH([ 0-9]*)", client.small(command))
    return tuple(map(int, line[1].split())) if line else ()


def _select(server, plan):
    """A server may keep what it knows of a mailbox for as long as the connection lasts."""
    times = {"first": [], "again": []}
    for _ in range(plan.select_times):
        client = _connect(server, READER)
        for figure in times:
            start = time.monotonic()
            client.select()
            times[figure].append((time.monotonic() - start) * MILLISECONDS)
            client.drain("CLOSE")
        client.close()
    return {figure: statistics.median(each) for figure, each in times.items()}


def _store(server):
    client = _connect(server, READER)
    client.select()
    result = {}
    for figure, sign in (("set", "+"), ("clear", "-")):
        start = time.monotonic()
        client.drain(rf"STORE 1:* {sign}FLAGS (\Flagged)")
        result[figure] = (time.monotonic() - start) * MILLISECONDS
    client.close()
    return result


def _append(plan):
    def run(server, turn):
        messages = first_messages(plan.append_messages)
        client = _connect(server, APPENDER)
        mailbox = f"round{turn}"
        client.drain(f"CREATE {mailbox}")
        result = {}
        start = time.monotonic()
        for first in range(0, len(messages), APPEND_BATCH):
            client.append(mailbox, messages[first : first + APPEND_BATCH])
        result["batches"] = len(messages) / (time.monotonic() - start)
        few = messages[: len(messages) // 4]
        start = time.monotonic()
        for message in few:
            client.append(mailbox, [message])
        result["single"] = len(few) / (time.monotonic() - start)
        client.close()
        return result

    figures = (Figure("batches", "msg/s", HIGHER, GOAL), Figure("single", "msg/s", HIGHER, GOAL))
    return Case("imap-append", f"APPEND, {APPEND_BATCH} a command and one by one", figures, run, accounts=(APPENDER,))
