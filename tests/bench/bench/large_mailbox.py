"""Large mailboxes: the same messages for every server, of a fixed seed, in mailboxes named after how many they hold.

The largest is loaded, by whatever way is fastest for the server; the others are copies of its first messages, which costs
servers that share messages between mailboxes next to nothing.
"""

import functools

from .corpus import SMALL, Corpus
from .imap_client import ImapClient
from .pennyblack import DOMAIN, PASSWORD

OWNER = "keeper"
FLAG_PATTERN = (r"\Seen \Answered", r"\Seen", r"\Seen", "")  # of message n: n modulo their number


def name(size):
    """The mailbox of so many messages."""
    return f"size{size}"


def flags(number):
    """The flags of message `number`."""
    return FLAG_PATTERN[number % len(FLAG_PATTERN)].split()


@functools.cache
def prepare(plan):
    """The function that makes all mailboxes of the plan on a server: one for all cases, so that it is done once."""

    def fill(server):
        largest = max(plan.sizes)
        corpus = Corpus(shape=SMALL)
        server.load(OWNER, name(largest), ((corpus.message(number), flags(number)) for number in range(largest)))
        client = connect(server)
        held = client.select(name(largest))
        if held != largest:
            raise RuntimeError(f"{server.name}: {held} of {largest} messages were loaded")
        for size in plan.sizes:
            if size != largest:
                client.drain(f"CREATE {name(size)}")
                client.drain(f"COPY 1:{size} {name(size)}")
        client.close()
        server.settle()

    return fill


def connect(server):
    """The owner's connection."""
    return ImapClient(server.imap_port, f"{OWNER}@{DOMAIN}", PASSWORD)
