"""The command line: makes the servers, runs every case against each in turn, and prints the table."""

import argparse
import dataclasses
import fnmatch
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import case, delivery, growth, idle, imap, large, machine, many_mailboxes, pop3, postfix_dovecot, process, relay
from .imap_client import ImapClient, Refused
from .pennyblack import DOMAIN, KEY as OURS, PASSWORD, REPOSITORY, Pennyblack
from .report import Results

USUAL_SUITES = (delivery, imap, pop3, relay)
SCALE_SUITES = (idle, many_mailboxes, growth, large)
PEERS = postfix_dovecot.FORMATS
COMPARED_MIN = 100_000  # in smaller mailboxes only the cost against size is measured


def main():
    """Returns the exit code: 0 if everything could be measured, whatever the figures."""
    options = _options()
    plan = _plan(options)
    cases = _chosen(plan, options.only)
    if options.list:
        print("\n".join(f"{each.name:26} {each.title}" for each in cases))
        return 0
    if not cases:
        sys.exit(f"no case matches {' '.join(options.only)}; --list shows them all")
    names = options.servers.split(",")
    _make_ready(names, options)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="pennyblack-bench-", dir=options.scratch))
    scratch.chmod(0o755)  # the mail user and postfix must get to their directories
    servers = [_server(name, scratch, options) for name in names]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # by way of the `finally` that stops the servers
    results = Results(machine.facts(scratch), {server.key: f"{server.name} {server.versions()}" for server in servers}, plan)
    try:
        _measure(servers, cases, plan, results)
    finally:
        for server in servers:
            results.troubles[server.key] = server.troubles()
            server.stop()
        if options.keep:
            print(f"kept: {scratch}", file=sys.stderr)
        else:
            shutil.rmtree(scratch, ignore_errors=True)
    print(results.as_text())
    if options.json:
        options.json.write_text(results.as_json() + "\n", encoding="utf-8")
    return 1 if results.differing() or results.failures else 0


def _measure(servers, cases, plan, results):
    """Each case in each round: all servers, one after the other, before the next case."""
    accounts = {name: PASSWORD for each in cases for name in each.accounts}
    for server in servers:
        _say(f"starting {server.name} with {len(accounts)} accounts")
        server.start(accounts)
    time.sleep(1)
    _look_at_memory(servers, "at rest", results)
    for server in servers:
        _log_in_once(server, accounts)
    _prepare(servers, cases)
    for turn in range(plan.rounds):
        for each in cases:
            for server in servers:
                _run(each, server, turn, results)
        _look_at_memory(servers, f"after round {turn + 1}", results)
    time.sleep(plan.rest_seconds)
    _look_at_memory(servers, f"after {plan.rest_seconds:g} s of rest", results)


def _log_in_once(server, accounts):
    """Both servers remember a password that was right: what it costs to verify it the first time falls into no case."""
    for name, password in accounts.items():
        ImapClient(server.imap_port, f"{name}@{DOMAIN}", password).close()


def _run(each, server, turn, results):
    os.sync()  # what the one before left to be written is not this one's cost
    before = process.processor_seconds(server.roots().values())
    try:
        values = each.run(server, turn)
    except (Refused, OSError, RuntimeError) as error:
        # What else there is to measure may have taken an hour to prepare.
        results.add_failure(each, server, error)
        return _say(f"round {turn + 1}  {each.name:26} {server.key:11} FAILED: {error}")
    spent = process.processor_seconds(server.roots().values()) - before
    results.add(each, server, values, spent)
    shown = ", ".join(f"{figure.name} {values[figure.name]:,.1f} {figure.unit}" for figure in each.figures if figure.name in values)
    _say(f"round {turn + 1}  {each.name:26} {server.key:11} {shown or 'not offered'}")


def _prepare(servers, cases):
    """Fills mailboxes, each kind once per server."""
    wanted = {id(each.prepare): each.prepare for each in cases if each.prepare}
    if not wanted:
        return
    for server in servers:
        start = time.monotonic()
        for prepare in wanted.values():
            prepare(server)
        _say(f"filled the mailboxes of {server.name} in {time.monotonic() - start:.0f} s")


def _look_at_memory(servers, moment, results):
    for server in servers:
        results.add_memory(server, moment, server.memory())


def _server(name, scratch, options):
    if name == OURS:
        return Pennyblack(scratch, options.programs)
    return postfix_dovecot.PostfixDovecot(scratch, name, options.mail_fsync)


def _make_ready(names, options):
    """Builds and installs what is missing."""
    if any(name in PEERS for name in names):
        if os.geteuid() != 0:
            sys.exit("root is needed: Postfix can be started by nobody else")
        postfix_dovecot.install()
    elif not shutil.which("smtp-source"):
        postfix_dovecot.install()
    if OURS in names and options.programs is None:
        _say("building")
        subprocess.run(["cargo", "build", "--release", "--locked", "--workspace", "--bins"], cwd=REPOSITORY, check=True)
        target = os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")
        options.programs = pathlib.Path(target) / "release"


def _plan(options):
    plan = case.SMOKE if options.smoke else case.SCALE if options.scale else case.QUICK if options.quick else case.DEFAULT
    if options.sizes:
        plan = dataclasses.replace(plan, sizes=options.sizes, compared=tuple(size for size in options.sizes if size >= COMPARED_MIN))
    return dataclasses.replace(plan, rounds=options.rounds) if options.rounds else plan


def _chosen(plan, patterns):
    suites = SCALE_SUITES if plan.sizes and plan is not case.SMOKE else USUAL_SUITES + SCALE_SUITES
    cases = [each for suite in suites for each in suite.cases(plan)]
    return [each for each in cases if not patterns or any(fnmatch.fnmatch(each.name, pattern) for pattern in patterns)]


def _say(line):
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def _sizes(text):
    return tuple(sorted(map(int, text.split(","))))


def _options():
    parser = argparse.ArgumentParser(
        prog="tests/bench/run", description="Measures Pennyblack against Debian's Postfix and Dovecot on this machine.")
    parser.add_argument("--quick", action="store_true", help="one round with small loads, under two minutes")
    parser.add_argument("--smoke", action="store_true", help="one round with next to no load, which shows that everything runs and no more")
    parser.add_argument("--scale", action="store_true", help="large mailboxes and many sessions instead of the usual loads")
    parser.add_argument("--sizes", metavar="NUMBERS", type=_sizes, help="with --scale: messages in each mailbox (default 1000,...,1000000)")
    parser.add_argument("--only", metavar="CASE", action="append", default=[],
                        help="only this case; may be repeated, and hold wildcards: 'imap-*'")
    parser.add_argument("--list", action="store_true", help="show the cases and stop")
    parser.add_argument("--rounds", type=int, help=f"rounds of each case (default {case.DEFAULT.rounds}, quick {case.QUICK.rounds})")
    parser.add_argument("--servers", default=f"{OURS},maildir", metavar="NAMES",
                        help=f"what is measured, with commas: {OURS}, and Postfix with Dovecot storing {', '.join(PEERS)}")
    parser.add_argument("--mail-fsync", default="optimized", choices=("optimized", "always"), help="Dovecot's mail_fsync")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all figures there as well")
    parser.add_argument("--programs", type=pathlib.Path, metavar="DIR", help="measure these programs instead of building")
    parser.add_argument("--scratch", type=pathlib.Path, metavar="DIR", help="where stores and mail lie while it runs (default: the usual place)")
    parser.add_argument("--keep", action="store_true", help="leave them there at the end, with the logs")
    options = parser.parse_args()
    unknown = set(options.servers.split(",")) - {OURS, *PEERS}
    if unknown:
        parser.error(f"unknown server: {', '.join(sorted(unknown))}")
    return options


if __name__ == "__main__":
    sys.exit(main())
