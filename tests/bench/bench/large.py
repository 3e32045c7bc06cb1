"""Everything that clients do with a mailbox, in mailboxes of 100,000 and of 1,000,000 messages.

As in `imap`, `first` is without what Dovecot has cached of messages, `again` is with it, each over a connection of its own;
SELECT is not part of the time. What a server does not announce (SORT, say) has no figure. Answers of searches must be the same.
"""

import re
import statistics
import time

from . import large_mailbox
from .case import HIGHER, LOWER, Case, Figure
from .corpus import NEEDLE, SMALL, Corpus
from .large_mailbox import OWNER, connect, name

MILLISECONDS = 1000
APPEND_MESSAGES = 500
APPEND_BATCH = 50
CHANGED_SHARE = 100  # one message in so many has changed
BODIES_MAX = 100_000  # whole messages fetched at a time
SELECT_TIMES = 5

# name, title, command, capability that it needs, goal
READINGS = (
    ("flags", "FETCH FLAGS of all", "FETCH 1:* (UID FLAGS)", None, 1.5),
    ("envelope", "FETCH ENVELOPE of all", "FETCH 1:* (ENVELOPE)", None, 1.5),
    ("bodystructure", "FETCH BODYSTRUCTURE of all", "FETCH 1:* (BODYSTRUCTURE)", None, 1.0),
    ("headers", "FETCH headers of all", "FETCH 1:* (BODY.PEEK[HEADER])", None, 1.0),
    ("bodies", f"FETCH whole messages, {BODIES_MAX:,} at most", "FETCH 1:{bodies} (BODY.PEEK[])", None, 1.0),
)
SEARCHES = (
    ("search-flag", "SEARCH UNSEEN", "SEARCH UNSEEN", None, 1.0),
    ("search-subject", "SEARCH SUBJECT", "SEARCH SUBJECT meconlo", None, 1.0),
    ("search-header", "SEARCH HEADER", 'SEARCH HEADER Message-ID "<4711@"', None, 1.0),
    ("search-text", "SEARCH TEXT", f"SEARCH TEXT {NEEDLE}", None, 20.0),
    ("search-body", "SEARCH BODY", f"SEARCH BODY {NEEDLE}", None, 20.0),
    ("sort-date", "SORT by date", "SORT (DATE) UTF-8 ALL", "SORT", 1.0),
    ("sort-subject", "SORT by subject", "SORT (SUBJECT) UTF-8 ALL", "SORT", 1.0),
    ("thread", "THREAD by references", "THREAD REFERENCES UTF-8 ALL", "THREAD=REFERENCES", 1.0),
)


def cases(plan):
    """All of it for each of the plan's compared sizes."""
    return [case for size in plan.compared for case in _cases_of(plan, size)]


def _cases_of(plan, size):
    shared = {"accounts": (OWNER,), "prepare": large_mailbox.prepare(plan)}
    first_again = lambda goal: (Figure("first", "ms", LOWER, goal), Figure("again", "ms", LOWER, goal))

    def case(kind, title, figures, run, same=()):
        return Case(f"large-{size}-{kind}", f"{size:,} messages: {title}", figures, lambda server, _: run(server, size), same=same, **shared)

    yield case("select", "SELECT", first_again(1.0), _select)
    for kind, title, command, needs, goal in READINGS:
        yield case(kind, title, first_again(goal), _reading(command, needs, ImapAnswer.drained))
    for kind, title, command, needs, goal in SEARCHES:
        same = ("answer",) if kind.startswith("search") else ()
        yield case(kind, title, first_again(goal), _reading(command, needs, ImapAnswer.hits), same=same)
    yield case("store", r"STORE +FLAGS (\Flagged) on all", (Figure("set", "ms", LOWER, 1.0), Figure("clear", "ms", LOWER, 1.0)), _store)
    yield case("copy", "COPY of a tenth", (Figure("copy", "ms", LOWER, 1.0),), lambda server, size: _copy_and_move(server, size, "copy"))
    yield case("move", "MOVE of a tenth", (Figure("move", "ms", LOWER, 1.0),), lambda server, size: _copy_and_move(server, size, "move"))
    yield case("qresync", f"SELECT (QRESYNC) after 1 in {CHANGED_SHARE} has changed", (Figure("resync", "ms", LOWER, 1.0),), _resynchronise)
    yield case("append", f"APPEND, {APPEND_BATCH} a command and one by one",
               (Figure("batches", "msg/s", HIGHER, 1.0), Figure("single", "msg/s", HIGHER, 1.0)), _append)


class ImapAnswer:
    """What is done with an answer."""

    @staticmethod
    def drained(client, command):
        """It is read away."""
        client.drain(command)

    @staticmethod
    def hits(client, command):
        """It is kept: numbers, in the order told."""
        line = re.search(rb"\* (?:SEARCH|SORT|THREAD)([^\r]*)", client.small(command))
        return line[1].strip() if line else b""


def _reading(command, needs, answer):
    def run(server, size):
        server.forget_caches(OWNER)
        result = {}
        for figure in ("first", "again"):
            client = connect(server)
            if needs and not client.offers(needs):
                return {}
            client.select(name(size))
            start = time.monotonic()
            result["answer"] = answer(client, command.replace("{bodies}", str(min(size, BODIES_MAX))))
            result[figure] = (time.monotonic() - start) * MILLISECONDS
            client.close()
        return result

    return run


def _select(server, size):
    times = {"first": [], "again": []}
    for _ in range(SELECT_TIMES):
        client = connect(server)
        for figure in times:
            start = time.monotonic()
            client.select(name(size))
            times[figure].append((time.monotonic() - start) * MILLISECONDS)
            client.drain("CLOSE")
        client.close()
    return {figure: statistics.median(each) for figure, each in times.items()}


def _store(server, size):
    client = connect(server)
    client.select(name(size))
    result = {}
    for figure, sign in (("set", "+"), ("clear", "-")):
        start = time.monotonic()
        client.drain(rf"STORE 1:* {sign}FLAGS (\Flagged)")
        result[figure] = (time.monotonic() - start) * MILLISECONDS
    client.close()
    return result


def _copy_and_move(server, size, wanted):
    """What was copied is moved on, and then removed with the mailboxes that it lies in."""
    client = connect(server)
    client.drain("CREATE copied")
    client.drain("CREATE moved")
    client.select(name(size))
    result = {}
    start = time.monotonic()
    client.drain(f"COPY 1:{max(1, size // 10)} copied")
    result["copy"] = (time.monotonic() - start) * MILLISECONDS
    if wanted == "move":
        client.select("copied")
        start = time.monotonic()
        client.drain("MOVE 1:* moved")
        result["move"] = (time.monotonic() - start) * MILLISECONDS
    client.drain("UNSELECT")
    client.drain("DELETE copied")
    client.drain("DELETE moved")
    client.close()
    return {wanted: result[wanted]}


def _resynchronise(server, size):
    """Half of what has changed has other flags, and half is gone; that half was added before."""
    client = connect(server)
    if not client.offers("QRESYNC"):
        client.close()
        return {}
    count = max(1, size // CHANGED_SHARE // 2)
    client.select(name(size))
    client.drain(f"COPY 1:{count} {name(size)}")
    client.drain("UNSELECT")
    client.drain("ENABLE QRESYNC")
    state = client.small(f"SELECT {name(size)}")
    validity, modseq = (int(re.search(word + rb" (\d+)", state)[1]) for word in (b"UIDVALIDITY", b"HIGHESTMODSEQ"))
    every = ",".join(map(str, range(1, size + 1, max(1, size // count))))
    client.drain(rf"STORE {every} +FLAGS.SILENT (\Draft)")
    client.drain(rf"STORE {size + 1}:{size + count} +FLAGS.SILENT (\Deleted)")
    client.drain("EXPUNGE")
    client.close()
    client = connect(server)
    client.drain("ENABLE QRESYNC")
    start = time.monotonic()
    client.drain(f"SELECT {name(size)} (QRESYNC ({validity} {modseq}))")
    taken = (time.monotonic() - start) * MILLISECONDS
    client.drain(rf"STORE {every} -FLAGS.SILENT (\Draft)")
    client.close()
    return {"resync": taken}


def _append(server, size):
    corpus = Corpus(shape=SMALL)
    messages = [corpus.message(number) for number in range(min(size, APPEND_MESSAGES))]
    client = connect(server)
    result = {}
    start = time.monotonic()
    for first in range(0, len(messages), APPEND_BATCH):
        client.append(name(size), messages[first : first + APPEND_BATCH])
    result["batches"] = len(messages) / (time.monotonic() - start)
    start = time.monotonic()
    for message in messages:
        client.append(name(size), [message])
    result["single"] = len(messages) / (time.monotonic() - start)
    client.select(name(size))
    client.drain(rf"STORE {size + 1}:* +FLAGS.SILENT (\Deleted)")
    client.drain("EXPUNGE")
    client.close()
    return result
