"""Pennyblack under measurement: the release build of this repository, with a scratch store, on free ports of 127.0.0.1.

The programs are known by their command lines and sockets alone. They log at their usual level, to a file.
"""

import concurrent.futures
import pathlib
import subprocess

from . import process
from .imap_client import ImapClient

KEY = "pennyblack"
DOMAIN = "example.test"
PASSWORD = "testpass"
DEAD_DOMAIN = "dead.test"  # where nobody takes mail
DAEMONS = ("smtpd", "imapd", "pop3d")
STOP_SECONDS = 30
REPOSITORY = pathlib.Path(__file__).resolve().parents[3]

CONFIG = """
hostname = "mail.example.test"
data_dir = "{directory}/data"
[auth]
plaintext_on_loopback = true
[limits]
connections = 20000
connections_per_address = 20000
[smtpd]
listen = ["127.0.0.1:{smtp}"]
submission = ["127.0.0.1:{submission}"]
submissions = []
transactions_max = 1000000
metrics = "off"
[verify.rates]
account_messages_per_hour = 0
account_recipients_per_hour = 0
[dns]
servers = ["127.0.0.1:{nobody}"]
[relay]
smart_host = {{ host = "127.0.0.1", port = {sink}, tls = "never" }}
concurrency_per_destination = 20
[[relay.route]]
domain = "{dead}"
host = "127.0.0.1"
port = {nobody}
tls = "never"
[imapd]
listen = ["127.0.0.1:{imap}"]
listen_tls = ["127.0.0.1:{imaps}"]
metrics = "off"
[pop3d]
listen = ["127.0.0.1:{pop3}"]
listen_tls = []
metrics = "off"
"""


class Pennyblack:
    """One running server. `start` first; `stop` ends all that it started."""

    def __init__(self, scratch, programs):
        self.name = KEY
        self.key = KEY
        self.programs = pathlib.Path(programs).resolve()
        self.directory = pathlib.Path(scratch) / "pennyblack"
        self.config = self.directory / "pennyblack.toml"
        self.smtp_port, self.imap_port, self.imaps_port, self.pop3_port = process.free_ports(4)
        self.submission_port, self.sink_port, self.nobody_port = process.free_ports(3)
        self.running = {}

    def start(self, accounts):
        """Makes these accounts, {name: password}, and starts all daemons; ready to be used when it returns."""
        self.directory.mkdir()
        self.config.write_text(
            CONFIG.format(directory=self.directory, smtp=self.smtp_port, imap=self.imap_port, imaps=self.imaps_port, pop3=self.pop3_port, dead=DEAD_DOMAIN,
                          submission=self.submission_port, sink=self.sink_port, nobody=self.nobody_port), encoding="utf-8")
        self._mailctl("init", "--domain", DOMAIN)
        with concurrent.futures.ThreadPoolExecutor(max_workers=4) as workers:
            list(workers.map(self._add_account, accounts.items()))
        for daemon in DAEMONS:
            self._start(daemon)
        for port in (self.smtp_port, self.imap_port, self.pop3_port):
            process.wait_for_port(port)

    def restart_imap(self, account):
        """Makes the IMAP server forget what it has in memory; the account's password alone it knows again."""
        _stop([self.running["imapd"]])
        self._start("imapd")
        process.wait_for_port(self.imap_port)
        ImapClient(self.imap_port, f"{account}@{DOMAIN}", PASSWORD).close()

    def load(self, account, mailbox, messages):
        """Fills a new mailbox with messages, given with their flags."""
        client = ImapClient(self.imap_port, f"{account}@{DOMAIN}", PASSWORD)
        client.load(mailbox, messages)
        client.close()

    def stop(self):
        """Stops the daemons; kills what does not stop in time."""
        _stop(self.running.values())

    def roots(self):
        """The process of each daemon."""
        return {name: running.pid for name, running in self.running.items()}

    def memory(self):
        """Bytes in memory (VmRSS), by daemon."""
        return {name: process.resident_bytes(pid) for name, pid in self.roots().items()}

    def forget_caches(self, account):
        """There is nothing to forget: what a message's index holds is made when the message arrives."""

    def settle(self):
        """Waits for what is done in the background after mail has come: the full-text index. Its time is in no figure."""
        self._mailctl("index")

    def troubles(self):
        """What went wrong by the daemons' own logs, a few lines of it; and daemons that have died."""
        lines = [f"{name} died: {running.returncode}" for name, running in self.running.items() if running.poll() not in (None, 0)]
        for daemon in DAEMONS:
            path = self.directory / f"{daemon}.log"
            if path.exists():
                with open(path, encoding="utf-8", errors="replace") as text:
                    lines += [line.rstrip() for line in text if " ERROR " in line or "panicked" in line]
        return lines[:5] + ([f"... and {len(lines) - 5} more"] if len(lines) > 5 else [])

    def versions(self):
        """The commit that the repository is at; the programs are built from it by `run`."""
        return process.run_checked(["git", "-C", REPOSITORY, "describe", "--always", "--dirty"]).strip()

    def _start(self, daemon):
        with open(self.directory / f"{daemon}.log", "ab") as log:
            self.running[daemon] = subprocess.Popen(
                [self.programs / daemon, "--config", self.config], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def _add_account(self, account):
        name, password = account
        self._mailctl("account", "add", f"{name}@{DOMAIN}", "--password-stdin", given=password + "\n")

    def _mailctl(self, *arguments, given=""):
        process.run_checked([self.programs / "mailctl", "--config", self.config, *arguments], input=given)


def _stop(programs):
    for running in programs:
        running.terminate()
    for running in programs:
        try:
            running.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
