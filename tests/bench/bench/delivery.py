"""Mail arrives by SMTP, made by Postfix's `smtp-source`; two rates for each load.

`accepted`: messages a second until `smtp-source` has its last 250. `fetchable`: deliveries a second until every mailbox
concerned says by IMAP STATUS that it holds them all. Asking begins when the last message is accepted, one mailbox at a time,
over connections that were opened before the clock was started, so that it costs next to nothing.
"""

import queue
import subprocess
import threading
import time

from .case import HIGHER, Case, Figure
from .imap_client import ImapClient
from .pennyblack import DOMAIN, PASSWORD

SMALL, LARGE = 10, 75  # KiB
CONNECTIONS = (1, 20, 100)
CROWD = 100
POLL_SECONDS = 0.01
DELIVERED_SECONDS_MAX = 180
GOAL = 8.0
SENDER = "sender@elsewhere.test"


def cases(plan):
    """Every combination of size, connections and one or 100 mailboxes; and messages to 100 recipients each."""
    found = []
    for kib, count in ((SMALL, plan.small_messages), (LARGE, plan.large_messages)):
        for connections in CONNECTIONS:
            found.append(_one_mailbox(plan, kib, connections, count))
        for connections in CONNECTIONS:
            found.append(_spread(kib, connections, count))
        found.append(_fan_out(kib, 20, plan.fan_out_messages))
    found.append(_one_mailbox(plan, SMALL, 20, plan.small_messages, reuse=True))
    return found


def _figures(goal=None):
    return (Figure("accepted", "msg/s", HIGHER), Figure("fetchable", "msg/s", HIGHER, goal))


def _one_mailbox(plan, kib, connections, count, reuse=False):
    """All messages for one user, whose mailbox is new in each round."""
    name = f"smtp-{kib}k-{connections}" + ("-reused" if reuse else "")
    users = [f"{name}-{turn}" for turn in range(plan.rounds)]

    def run(server, turn):
        user = users[turn]
        return _timed(server, [user], count, count, lambda: _source(server, connections, count, kib, user, reuse=reuse))

    return Case(
        name=name,
        title=f"{kib} KiB, {_connections(connections)}, 1 mailbox" + (", many messages a connection" if reuse else ""),
        figures=_figures(GOAL if (kib, connections, reuse) == (SMALL, 20, False) else None),
        run=run,
        accounts=tuple(users),
    )


def _spread(kib, connections, count):
    """The same number of messages, each for one of 100 users in turn."""
    users = _crowd()
    each = max(1, count // CROWD)

    def send(server):
        waiting = queue.SimpleQueue()
        for user in users:
            waiting.put(user)

        def sender():
            while True:
                try:
                    user = waiting.get_nowait()
                except queue.Empty:
                    return
                _source(server, 1, each, kib, user)

        _in_parallel([sender] * min(connections, CROWD))

    def run(server, _turn):
        return _timed(server, users, each, each * CROWD, lambda: send(server))

    return Case(
        name=f"smtp-{kib}k-{connections}-spread",
        title=f"{kib} KiB, {_connections(connections)}, 100 mailboxes",
        figures=_figures(),
        run=run,
        accounts=users,
    )


def _fan_out(kib, connections, count):
    """Each message goes to 100 users; rates count messages accepted and copies fetchable."""
    users = _crowd()

    def run(server, _turn):
        return _timed(server, users, count, count, lambda: _source(server, connections, count, kib, users[0], recipients=CROWD))

    return Case(
        name=f"smtp-{kib}k-{connections}-fanout",
        title=f"{kib} KiB, {_connections(connections)}, 100 recipients a message",
        figures=(Figure("accepted", "msg/s", HIGHER), Figure("fetchable", "copies/s", HIGHER)),
        run=run,
        accounts=users,
    )


def _crowd():
    """The names that `smtp-source -r 100 -t crowd@...` makes."""
    return ("crowd",) + tuple(f"{number}crowd" for number in range(2, CROWD + 1))


def _connections(count):
    return "1 connection" if count == 1 else f"{count} connections"


def _timed(server, users, each, accepted, send):
    """Runs `send`, which delivers `each` messages to each of `users`; returns both rates."""
    watchers = [ImapClient(server.imap_port, f"{user}@{DOMAIN}", PASSWORD) for user in users]
    try:
        expected = [watcher.messages() + each for watcher in watchers]
        start = time.monotonic()
        send()
        accepted_at = time.monotonic()
        for watcher, count in zip(watchers, expected):
            _wait_for(watcher, count)
        fetchable_at = time.monotonic()
    finally:
        for watcher in watchers:
            watcher.close()
    return {"accepted": accepted / (accepted_at - start), "fetchable": each * len(users) / (fetchable_at - start)}


def _wait_for(watcher, count):
    deadline = time.monotonic() + DELIVERED_SECONDS_MAX
    while watcher.messages() < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{watcher.messages()} of {count} messages after {DELIVERED_SECONDS_MAX} s")
        time.sleep(POLL_SECONDS)


def _source(server, connections, count, kib, user, recipients=1, reuse=False):
    command = ["smtp-source", "-s", str(min(connections, count)), "-m", str(count), "-l", str(kib * 1024), "-f", SENDER,
               "-t", f"{user}@{DOMAIN}", "-r", str(recipients), "-M", "client.test"]
    if reuse:
        command.append("-d")
    done = subprocess.run([*command, f"127.0.0.1:{server.smtp_port}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode != 0 or done.stdout:
        raise RuntimeError(f"smtp-source against {server.name}: {done.stdout.strip() or done.returncode}")


def _in_parallel(works):
    """Runs all at once; raises the first error if there is one."""
    errors = []

    def guarded(work):
        try:
            work()
        except Exception as error:  # handed to the caller below
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
