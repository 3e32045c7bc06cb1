"""What an operation on one message, or on none, costs in a mailbox of a thousand messages and in one of a million.

Each figure is a size; the median of several times counts. A server that has to walk through a mailbox shows it here, whatever
its speed. What an operation adds to a mailbox is taken out again, so that each finds the size that it is told of.
"""

import contextlib
import statistics
import time

from . import large_mailbox
from .case import LOWER, SIZES, Case, Figure
from .corpus import SMALL, Corpus
from .large_mailbox import connect, name

MILLISECONDS = 1000
NEWEST = 50
NEWEST_ITEMS = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"


def cases(plan):
    """The operations that must not care for the size of a mailbox."""
    if not plan.sizes:
        return []
    figures = tuple(Figure(f"{size:,}", "ms", LOWER) for size in plan.sizes)

    def case(title_name, title, operation):
        def run(server, _turn):
            return {f"{size:,}": statistics.median(operation(server, size, plan.times)) for size in plan.sizes}

        return Case(f"size-{title_name}", title, figures, run, (large_mailbox.OWNER,), large_mailbox.prepare(plan), table=SIZES)

    return [
        case("select-cold", "SELECT, the first since the server has started", _select_cold),
        case("select", "SELECT", _select),
        case("status", "STATUS", _status),
        case("fetch-newest", f"FETCH of the newest {NEWEST}", _fetch_newest),
        case("store-one", "STORE of one message", _store_one),
        case("append-one", "APPEND of one message", _append_one),
        case("expunge-one", "EXPUNGE of one message", _expunge_one),
        case("idle-news", "from an APPEND to the news of it in another session that idles", _idle_news),
    ]


def _timed(client, command):
    start = time.monotonic()
    client.drain(command)
    return (time.monotonic() - start) * MILLISECONDS


@contextlib.contextmanager
def _connected(server, select=None):
    client = connect(server)
    try:
        if select:
            client.select(select)
        yield client
    finally:
        client.close()


def _select_cold(server, size, _times):
    server.restart_imap(large_mailbox.OWNER)
    with _connected(server) as client:
        return [_timed(client, f"SELECT {name(size)}")]


def _select(server, size, times):
    with _connected(server, name(size)) as client:
        taken = []
        for _ in range(times):
            client.drain("CLOSE")
            taken.append(_timed(client, f"SELECT {name(size)}"))
        return taken


def _status(server, size, times):
    with _connected(server) as client:
        return [_timed(client, f"STATUS {name(size)} (MESSAGES UNSEEN RECENT UIDNEXT UIDVALIDITY)") for _ in range(times)]


def _fetch_newest(server, size, times):
    with _connected(server, name(size)) as client:
        newest = f"FETCH {max(1, size - NEWEST + 1)}:{size} {NEWEST_ITEMS}"
        return [_timed(client, newest) for _ in range(times)]


def _store_one(server, size, times):
    with _connected(server, name(size)) as client:
        return [_timed(client, rf"STORE {size // 2} {'-' if turn % 2 else '+'}FLAGS (\Flagged)") for turn in range(times + times % 2)]


def _append_one(server, size, times):
    message = Corpus(shape=SMALL).message(0)
    with _connected(server) as client:
        taken = []
        for _ in range(times):
            start = time.monotonic()
            client.append(name(size), [message])
            taken.append((time.monotonic() - start) * MILLISECONDS)
    _cut(server, size)
    return taken


def _expunge_one(server, size, times):
    message = Corpus(shape=SMALL).message(0)
    with _connected(server, name(size)) as client:
        taken = []
        for _ in range(times):
            client.append(name(size), [message])
            client.drain("NOOP")
            client.drain(rf"STORE {size + 1} +FLAGS.SILENT (\Deleted)")
            taken.append(_timed(client, "EXPUNGE"))
        return taken


def _idle_news(server, size, times):
    message = Corpus(shape=SMALL).message(0)
    taken = []
    with _connected(server, name(size)) as idler, _connected(server) as writer:
        for turn in range(times):
            with idler.idling():
                start = time.monotonic()
                writer.append(name(size), [message])
                idler.wait_for(b"* %d EXISTS" % (size + turn + 1))
                taken.append((time.monotonic() - start) * MILLISECONDS)
    _cut(server, size)
    return taken


def _cut(server, size):
    """Takes out what was added."""
    with _connected(server, name(size)) as client:
        client.drain(rf"STORE {size + 1}:* +FLAGS.SILENT (\Deleted)")
        client.drain("EXPUNGE")
