"""Debian's Postfix and Dovecot: the peer.

Both run from private configuration, queue, mail and run directories under one scratch directory, on free ports of 127.0.0.1.
Nothing in /etc is read or written, and no system service is started. Postfix's master must be started by root.

The configuration is meant to be what a careful administrator would run for speed without giving up durability; why each
setting that is not a default was chosen is said beside it and in README.md.
"""

import os
import pathlib
import pwd
import subprocess

from . import process
from .imap_client import ImapClient

DOMAIN = "example.test"
PACKAGES = ["postfix", "dovecot-core", "dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd"]
MAIL_USER = "nobody"
FORMATS = ("maildir", "sdbox", "mdbox")
STOP_SECONDS = 20
MAILDIR_FLAGS = {r"\Seen": "S", r"\Answered": "R", r"\Flagged": "F", r"\Deleted": "T", r"\Draft": "D"}

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {dir}/queue
data_directory = {dir}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {dir}/postfix.log
maillog_file_prefixes = {dir}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.example.test
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
message_size_limit = 52428800

# All accounts are virtual mailboxes behind Dovecot's LMTP.
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = texthash:{dir}/mailboxes
virtual_transport = lmtp:unix:{dir}/run/lmtp

# Nothing may wait for DNS.
smtpd_peername_lookup = no
disable_dns_lookups = yes

# What is for others goes to the sink, at full concurrency from the start.
relayhost = [127.0.0.1]:{sink}
smtp_destination_concurrency_limit = 20
smtp_initial_destination_concurrency = 20
smtp_tls_security_level = none

# Up to 100 clients at once, besides what Postfix runs for itself.
default_process_limit = 250
# Deliver to Dovecot as fast as it takes them: at full concurrency from the start, as many recipients at once as there are.
lmtp_destination_concurrency_limit = {lmtp_concurrency}
lmtp_initial_destination_concurrency = {lmtp_concurrency}
lmtp_destination_recipient_limit = 100
# Do not make clients wait when mail arrives faster than it is delivered.
in_flow_delay = 0
"""

MASTER_CF = """
127.0.0.1:{smtp} inet n - n - - smtpd
pickup    unix  n  -  n  60    1  pickup
cleanup   unix  n  -  n  -     0  cleanup
qmgr      unix  n  -  n  300   1  qmgr
rewrite   unix  -  -  n  -     -  trivial-rewrite
bounce    unix  -  -  n  -     0  bounce
defer     unix  -  -  n  -     0  bounce
trace     unix  -  -  n  -     0  bounce
verify    unix  -  -  n  -     1  verify
flush     unix  n  -  n  1000? 0  flush
proxymap  unix  -  -  n  -     -  proxymap
proxywrite unix -  -  n  -     1  proxymap
smtp      unix  -  -  n  -     -  smtp
relay     unix  -  -  n  -     -  smtp
error     unix  -  -  n  -     -  error
retry     unix  -  -  n  -     -  error
discard   unix  -  -  n  -     -  discard
lmtp      unix  -  -  n  -     -  lmtp
anvil     unix  -  -  n  -     1  anvil
scache    unix  -  -  n  -     1  scache
postlog   unix-dgram n - n -   1  postlogd
"""

DOVECOT_CONF = """
base_dir = {dir}/run
state_dir = {dir}/state
log_path = {dir}/dovecot.log
protocols = imap pop3 lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{dir}/tls.pem
ssl_key = <{dir}/tls.pem
disable_plaintext_auth = no
mail_location = {location}
mail_fsync = {fsync}
first_valid_uid = 1
mail_max_userip_connections = 0
lmtp_user_concurrency_limit = {user_concurrency}
# Logins are not what is measured.
auth_cache_size = 10M
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {dir}/passwd
}}
userdb {{
  driver = passwd-file
  args = {dir}/passwd
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
  }}
  # "High-performance mode" of Dovecot's documentation.
  service_count = 0
  process_min_avail = 2
  client_limit = 4000
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = 0
  }}
  service_count = 0
  process_min_avail = 2
}}
service imap {{
  process_limit = 2048
  # With the default of 256 MiB a session in a mailbox of 100,000 messages may end for want of memory.
  vsz_limit = 2G
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
  process_limit = 200
  process_min_avail = {lmtp_ready}
}}
"""

LOCATIONS = {
    "maildir": "maildir:~/Maildir",
    "sdbox": "sdbox:~/sdbox",
    "mdbox": "mdbox:~/mdbox",
}


class PostfixDovecot:
    """One running pair. `start` first; `stop` ends all that it started."""

    def __init__(self, scratch, mail_format="maildir", fsync="optimized", lmtp_concurrency=20):
        self.name = f"postfix+dovecot ({mail_format})"
        self.key = mail_format
        self.directory = pathlib.Path(scratch) / f"peer-{mail_format}"
        self.mail_format = mail_format
        self.fsync = fsync
        self.lmtp_concurrency = lmtp_concurrency
        self.smtp_port, self.imap_port, self.imaps_port, self.pop3_port = process.free_ports(4)
        self.submission_port, self.sink_port = self.smtp_port, process.free_ports(1)[0]
        self.dovecot = None
        self.passwords = {}

    def start(self, accounts):
        """Starts both with these accounts, {name: password}; ready to be used when it returns."""
        self._lay_out(accounts)
        self.passwords = accounts
        self.dovecot = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", self.directory / "dovecot.conf"])
        process.wait_for_port(self.imap_port)
        process.wait_for_port(self.pop3_port)
        process.run_checked(["/usr/sbin/postfix", "-c", self.directory / "postfix", "start"])
        process.wait_for_port(self.smtp_port)

    def stop(self):
        """Stops both; kills what does not stop in time."""
        master = self._postfix_master()
        if master:
            subprocess.run(["/usr/sbin/postfix", "-c", self.directory / "postfix", "stop"],
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if self.dovecot:
            self.dovecot.terminate()
            try:
                self.dovecot.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.dovecot.kill()
                self.dovecot.wait()

    def roots(self):
        """The top process of each tree, by the name that the memory table shows."""
        return {"postfix": self._postfix_master(), "dovecot": self.dovecot.pid}

    def memory(self):
        """Bytes in memory, by daemon: sum of PSS, as both are many processes that share much."""
        return {name: process.proportional_bytes(pid) for name, pid in self.roots().items()}

    def forget_caches(self, account):
        """Removes what Dovecot has cached about the account's messages, so that the next reading is a first one."""
        # By name: to look for them would be to walk through all messages.
        for place in ("*", "*/.*", "*/mailboxes/*/dbox-Mails", "*/storage"):
            for cache in self._home(account).glob(f"{place}/dovecot.index.cache"):
                cache.unlink()

    def settle(self):
        """There is nothing to wait for: nothing goes on in the background."""

    def restart_imap(self, account):
        """There is nothing to restart: each session is a new process."""

    def load(self, account, mailbox, messages):
        """Fills a new mailbox with messages, given with their flags: files of a Maildir are written, the rest is appended."""
        client = ImapClient(self.imap_port, f"{account}@{DOMAIN}", self.passwords[account])
        if self.mail_format != "maildir":
            return client.load(mailbox, messages)
        client.drain(f"CREATE {mailbox}")
        current = self._home(account) / "Maildir" / f".{mailbox}" / "cur"
        owner = pwd.getpwnam(MAIL_USER)
        for number, (message, flags) in enumerate(messages):
            # Dovecot gives UIDs in the order of the names.
            marks = "".join(sorted(MAILDIR_FLAGS[flag] for flag in flags))
            stored = message.replace(b"\r\n", b"\n")
            path = current / f"{1_700_000_000 + number}.M{number:07}P1.bench,S={len(stored)},W={len(message)}:2,{marks}"
            path.write_bytes(stored)
            os.chown(path, owner.pw_uid, owner.pw_gid)
        client.select(mailbox)
        client.close()

    def troubles(self):
        """What went wrong by their own logs, a few lines of it."""
        words = ("error", "fatal", "panic", "warning", "status=deferred", "status=bounced")
        lines = []
        for log in ("postfix.log", "dovecot.log"):
            path = self.directory / log
            if path.exists():
                with open(path, encoding="utf-8", errors="replace") as text:
                    lines += [line.rstrip() for line in text if any(word in line.lower() for word in words)]
        return lines[:5] + ([f"... and {len(lines) - 5} more"] if len(lines) > 5 else [])

    def versions(self):
        """The packages' versions."""
        return process.run_checked(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *PACKAGES]).rstrip(", ")

    def _home(self, account):
        return self.directory / "homes" / account

    def _postfix_master(self):
        try:
            return int((self.directory / "queue/pid/master.pid").read_text())
        except (OSError, ValueError):
            return None

    def _lay_out(self, accounts):
        mail_user = pwd.getpwnam(MAIL_USER)
        postfix_user = pwd.getpwnam("postfix")
        for name in ("postfix", "queue", "data", "run", "state", "homes"):
            (self.directory / name).mkdir(parents=True)
        os.chown(self.directory / "data", postfix_user.pw_uid, postfix_user.pw_gid)
        os.chown(self.directory / "homes", mail_user.pw_uid, mail_user.pw_gid)
        settings = {
            "dir": self.directory,
            "domain": DOMAIN,
            "smtp": self.smtp_port,
            "sink": self.sink_port,
            "imap": self.imap_port,
            "imaps": self.imaps_port,
            "pop3": self.pop3_port,
            "location": LOCATIONS[self.mail_format],
            "fsync": self.fsync,
            "lmtp_concurrency": self.lmtp_concurrency,
            "lmtp_ready": self.lmtp_concurrency,
            # One destination has at most so many deliveries under way, all of which may be for one user.
            "user_concurrency": 2 * self.lmtp_concurrency,
        }
        process.run_checked(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
                             "/CN=mail.example.test", "-keyout", self.directory / "tls.key", "-out", self.directory / "tls.crt"])
        self._write("tls.pem", (self.directory / "tls.crt").read_text() + (self.directory / "tls.key").read_text())
        self._write("postfix/main.cf", MAIN_CF.format(**settings))
        self._write("postfix/master.cf", MASTER_CF.format(**settings))
        self._write("dovecot.conf", DOVECOT_CONF.format(**settings))
        self._write("mailboxes", "".join(f"{name}@{DOMAIN} x\n" for name in accounts))
        self._write("passwd", "".join(
            f"{name}@{DOMAIN}:{{PLAIN}}{password}:{mail_user.pw_uid}:{mail_user.pw_gid}::{self._home(name)}\n"
            for name, password in accounts.items()))

    def _write(self, name, text):
        (self.directory / name).write_text(text, encoding="utf-8")


def install():
    """Installs what is missing of Debian's packages; needs root, starts no service."""
    missing = [name for name in PACKAGES if not _installed(name)]
    if not missing:
        return
    with _no_services():
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        # Without an answer Debian would write an "Internet site" configuration of its own into /etc/postfix.
        process.run_checked(["debconf-set-selections"], input="postfix postfix/main_mailer_type select No configuration\n")
        apt = ["apt-get", "-o", "DPkg::Lock::Timeout=300", "-qq"]
        process.run_checked([*apt, "update"], env=environment)
        process.run_checked([*apt, "install", "-y", "--no-install-recommends", *missing], env=environment)


def _installed(package):
    query = subprocess.run(["dpkg-query", "-W", "-f", "${Status}", package],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return query.stdout == "install ok installed"


class _no_services:
    """While in it, package scripts may not start services (Debian's policy-rc.d)."""

    POLICY = pathlib.Path("/usr/sbin/policy-rc.d")

    def __enter__(self):
        self.ours = not self.POLICY.exists()
        if self.ours:
            self.POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
            self.POLICY.chmod(0o755)

    def __exit__(self, *_):
        if self.ours:
            self.POLICY.unlink()
