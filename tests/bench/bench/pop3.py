"""Mail is downloaded over POP3: a maildrop of 5,000 messages, one client, everything from login to QUIT in the time."""

import time

from .case import LOWER, Case, Figure
from .imap import fill
from .pennyblack import DOMAIN, PASSWORD
from .pop3_client import Pop3Client

DROP = "drop"
WINDOW = 100  # commands on their way when pipelining
GOAL = 1.0
MILLISECONDS = 1000


def cases(plan):
    """Download of all messages, one at a time and pipelined; nothing is deleted."""

    def prepare(server):
        fill(server, DROP, plan.pop3_messages)

    def case(name, title, download):
        figures = (Figure("first", "ms", LOWER, GOAL), Figure("again", "ms", LOWER, GOAL))
        return Case(name, title, figures, lambda server, _: _session(server, plan, download), (DROP,), prepare, same=("octets",))

    return [
        case("pop3-download", "download of all messages", _one_by_one),
        case("pop3-pipelined", "the same, pipelined", lambda client, count: client.retrieve_pipelined(count, WINDOW)),
    ]


def _session(server, plan, download):
    server.forget_caches(DROP)
    result = {}
    for figure in ("first", "again"):
        start = time.monotonic()
        client = Pop3Client(server.pop3_port, f"{DROP}@{DOMAIN}", PASSWORD)
        count, octets = map(int, client.short("STAT").split()[1:3])
        if count != plan.pop3_messages:
            raise RuntimeError(f"{server.name}: {count} messages in the maildrop, not {plan.pop3_messages}")
        download(client, count)
        client.close()
        result[figure] = (time.monotonic() - start) * MILLISECONDS
        result["octets"] = octets
    return result


def _one_by_one(client, count):
    for number in range(1, count + 1):
        client.retrieve(number)
