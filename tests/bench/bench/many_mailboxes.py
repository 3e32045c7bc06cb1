"""An account with thousands of mailboxes lists them, as clients do when they start: plainly, with what is subscribed, with counts."""

import re
import statistics
import time

from .case import LOWER, Case, Figure
from .imap_client import ImapClient
from .pennyblack import DOMAIN, PASSWORD

COLLECTOR = "collector"
CHILDREN = 50  # mailboxes below one name
TIMES = 5
MILLISECONDS = 1000
COMMANDS = {
    "all": 'LIST "" "*"',
    "top": 'LIST "" "%"',
    "told": 'LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE)',
    "status": 'LIST "" "*" RETURN (STATUS (MESSAGES UNSEEN UIDNEXT))',
}


def cases(plan):
    """One case, with a figure for each way to ask."""
    if not plan.mailboxes:
        return []

    def prepare(server):
        client = _connect(server)
        level = re.search(rb'"(.)"', client.small('LIST "" ""'))[1].decode()
        for number in range(plan.mailboxes):
            client.drain(f"CREATE shelf{number // CHILDREN:03}{level}box{number % CHILDREN:02}")
        client.close()

    figures = tuple(Figure(name, "ms", LOWER, 1.0) for name in COMMANDS)
    title = f"LIST of {plan.mailboxes:,} mailboxes: {', '.join(COMMANDS)}"
    return [Case("list-mailboxes", title, figures, lambda server, _: _list(server), (COLLECTOR,), prepare)]


def _connect(server):
    return ImapClient(server.imap_port, f"{COLLECTOR}@{DOMAIN}", PASSWORD)


def _list(server):
    client = _connect(server)
    result = {}
    for name, command in COMMANDS.items():
        taken = []
        for _ in range(TIMES):
            start = time.monotonic()
            client.drain(command)
            taken.append((time.monotonic() - start) * MILLISECONDS)
        result[name] = statistics.median(taken)
    client.close()
    return result
