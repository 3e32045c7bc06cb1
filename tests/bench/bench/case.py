"""What is measured: a case is done once per round and server and yields one or more figures.

A case with a new load (relaying, a mailbox of a million messages) is a new module with `cases(plan)`; nothing else changes
but the list in `__main__.py`.
"""

import dataclasses
from typing import Callable, Optional

HIGHER = "higher"
LOWER = "lower"

FIGURES = "figures"
SIZES = "sizes"  # a figure is a size of the mailbox


@dataclasses.dataclass(frozen=True)
class Figure:
    """One number that a case yields."""

    name: str
    unit: str
    better: str  # HIGHER or LOWER
    goal: Optional[float] = None  # how many times better than the peer it should be


@dataclasses.dataclass(frozen=True)
class Case:
    """One load. `run(server, round)` returns {figure name: value}; what the server does not offer is left out."""

    name: str
    title: str
    figures: tuple
    run: Callable
    accounts: tuple = ()  # accounts that must exist
    # Done once per server before the first round, and shared by all cases that name the same function.
    prepare: Optional[Callable] = None
    # Figures whose value must be the same for all servers: proof that the same was done.
    same: tuple = ()
    # In which table it stands.
    table: str = FIGURES


@dataclasses.dataclass(frozen=True)
class Plan:
    """How large everything is."""

    rounds: int
    small_messages: int  # messages of 10 KiB in a delivery case
    large_messages: int  # the same of 75 KiB
    fan_out_messages: int  # messages to 100 recipients each
    imap_messages: int
    pop3_messages: int
    append_messages: int
    relay_messages: int  # messages of 10 KiB that leave for another host
    deferred_messages: int  # messages that wait meanwhile for a host that is not there
    select_times: int
    rest_seconds: float  # how long is waited before memory is looked at for the last time
    sizes: tuple = ()  # mailboxes of so many messages, ascending
    compared: tuple = ()  # those of them in which everything is measured against the peer
    mailboxes: int = 0  # of one account
    idle_sessions: int = 0  # TLS sessions that wait for news
    idle_sessions_peer: int = 0  # the same at the peer, which has a process for each
    times: int = 1  # how often an operation on one message is done; the median counts


DEFAULT = Plan(rounds=3, small_messages=3000, large_messages=500, fan_out_messages=20, imap_messages=20_000, pop3_messages=5_000,
               append_messages=2_000, relay_messages=5_000, deferred_messages=100_000, select_times=20, rest_seconds=20)
QUICK = Plan(rounds=1, small_messages=400, large_messages=200, fan_out_messages=5, imap_messages=2_000, pop3_messages=500,
             append_messages=400, relay_messages=1_000, deferred_messages=10_000, select_times=10, rest_seconds=5)
# Shows that every case runs, and nothing about speed.
SMOKE = Plan(rounds=1, small_messages=20, large_messages=10, fan_out_messages=1, imap_messages=60, pop3_messages=20,
             append_messages=10, relay_messages=40, deferred_messages=40, select_times=1, rest_seconds=0,
             sizes=(40, 120), compared=(120,), mailboxes=60, idle_sessions=10, idle_sessions_peer=10, times=1)
# Large mailboxes and many sessions, and nothing else.
SCALE = dataclasses.replace(DEFAULT, rounds=1, sizes=(1_000, 10_000, 100_000, 1_000_000), compared=(100_000, 1_000_000),
                            mailboxes=5_000, idle_sessions=10_000, idle_sessions_peer=1_000, times=31)
