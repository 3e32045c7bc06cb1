//! The command line as it is typed. What it means is in [`crate::commands`].

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Where the configuration is looked for.
pub const CONFIG_FILE: &str = "/etc/pennyblack/pennyblack.toml";

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed; the message says why
  2  wrong usage
  3  nothing has that name
  4  it exists already, or something is in the way
  5  the configuration is missing or wrong
  6  the store cannot be opened
  7  not confirmed
  8  check found faults

Run as root, mailctl acts as the owner of the data directory.";

/// Administers a Pennyblack mail server.
#[derive(Debug, Parser)]
#[command(name = "mailctl", version, after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// The configuration file [default: /etc/pennyblack/pennyblack.toml]
    #[arg(long = "config", global = true, value_name = "FILE")]
    pub named_config: Option<PathBuf>,
    /// Print JSON instead of tables.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Global {
    /// The configuration file: the one that was named, or the usual one.
    pub fn config(&self) -> &Path {
        self.named_config
            .as_deref()
            .unwrap_or(Path::new(CONFIG_FILE))
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a configuration, make the data directory and the store, and add a first domain and account.
    Init(Init),
    /// Run a daemon.
    Serve(Serve),
    /// Run a whole server on loopback, send a message through it, and show how to connect a client.
    Try(Try),
    /// The configuration.
    #[command(subcommand)]
    Config(Config),
    /// Domains that mail is received for.
    #[command(subcommand)]
    Domain(Domain),
    /// People, or anything else that has mailboxes.
    #[command(subcommand)]
    Account(Account),
    /// Further passwords of an account, one for each device.
    #[command(subcommand)]
    AppPassword(AppPassword),
    /// Addresses that lead to other addresses.
    #[command(subcommand)]
    Alias(Alias),
    /// The keys that sign a domain's mail.
    #[command(subcommand)]
    Dkim(Dkim),
    /// An account's mailboxes.
    #[command(subcommand)]
    Mailbox(Mailbox),
    /// Who may use whose mailboxes.
    #[command(subcommand)]
    Acl(Acl),
    /// Messages in a mailbox.
    #[command(subcommand)]
    Message(Message),
    /// Mail that waits to be sent to other servers.
    #[command(subcommand)]
    Queue(Queue),
    /// Where is my message? Its whole journey, also after it is gone.
    Trace(Trace),
    /// What others report about our mail.
    #[command(subcommand)]
    Report(Report),
    /// Check the store for faults.
    Check,
    /// Bring the full-text index up to date, by which searches find mail without reading all of it.
    Index(Index),
}

/// `index`
#[derive(Debug, Args)]
pub struct Index {
    /// Throw the index away and make it anew.
    #[arg(long, conflicts_with_all = ["drop", "status"])]
    pub rebuild: bool,
    /// Throw the index away. An imapd with `search_index = true` makes it anew.
    #[arg(long, conflicts_with = "status")]
    pub drop: bool,
    /// Only tell how much is indexed.
    #[arg(long)]
    pub status: bool,
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// The server's name, such as mail.example.org.
    #[arg(long)]
    pub hostname: Option<String>,
    /// Where the mail will lie.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The first domain.
    #[arg(long)]
    pub domain: Option<String>,
    /// The first account's address.
    #[arg(long, value_name = "ADDRESS")]
    pub account: Option<String>,
    /// The system's user that the daemons run as; the data directory becomes its own. Only as root.
    #[arg(long, value_name = "USER", default_value = "pennyblack")]
    pub owner: String,
    /// Where the account's password comes from.
    #[command(flatten)]
    pub password: PasswordSource,
}

/// `serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Which.
    pub daemon: Daemon,
    /// Stop when standard input ends: for a process that starts daemons and must not leave them behind.
    #[arg(long, hide = true)]
    pub until_stdin_ends: bool,
}

/// The daemons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Daemon {
    /// Receives and submits mail.
    Smtpd,
    /// IMAP.
    Imapd,
    /// POP3.
    Pop3d,
}

/// `try`
#[derive(Debug, Args)]
pub struct Try {
    /// Keep everything in this directory, and use again what is there. Without it, nothing is kept.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Added to each of the ports 25, 465, 587, 143, 993, 110 and 995.
    #[arg(long, value_name = "N", default_value_t = 12_000, value_parser = clap::value_parser!(u16).range(0..=64_000))]
    pub base_port: u16,
    /// End after the test message has arrived.
    #[arg(long)]
    pub exit: bool,
}

/// `config`
#[derive(Debug, Subcommand)]
pub enum Config {
    /// Is it right? Tells all that is wrong at once.
    Check,
    /// Print what is in effect, defaults included.
    Show,
}

/// `domain`
#[derive(Debug, Subcommand)]
pub enum Domain {
    /// Receive mail for a domain.
    Add {
        /// The domain, such as example.org.
        domain: String,
    },
    /// All domains.
    List,
    /// One domain.
    Show {
        /// The domain.
        domain: String,
    },
    /// Receive no more mail for a domain. It must have no accounts and aliases any more.
    Remove {
        /// The domain.
        domain: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// Where a password comes from. Never from the command line, which everybody on the machine can see.
#[derive(Debug, Clone, Default, Args)]
pub struct PasswordSource {
    /// Read the password from standard input, one line.
    #[arg(long, conflicts_with = "generate")]
    pub password_stdin: bool,
    /// Make a password and print it, once.
    #[arg(long)]
    pub generate: bool,
}

/// How much an account may hold.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct QuotaLimits {
    /// Octets in all, such as 500M or 2G. "none" for no limit.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub octets: Option<Bound>,
    /// Messages in all. "none" for no limit.
    #[arg(long, value_name = "N", value_parser = parse_count)]
    pub messages: Option<Bound>,
}

/// A limit as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// No limit.
    None,
    /// So much.
    At(u64),
}

/// `account`
#[derive(Debug, Subcommand)]
pub enum Account {
    /// Add an account, with its mailboxes.
    Add {
        /// Its address, which is also its login name.
        address: String,
        /// Where its password comes from.
        #[command(flatten)]
        password: PasswordSource,
        /// How much it may hold.
        #[command(flatten)]
        quota: QuotaLimits,
    },
    /// All accounts.
    List,
    /// One account.
    Show {
        /// Any of its addresses.
        address: String,
    },
    /// Set the password.
    Password {
        /// Any of its addresses.
        address: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Refuse login to an account. It keeps all it has, and still gets mail.
    Disable {
        /// Any of its addresses.
        address: String,
    },
    /// Undo disable.
    Enable {
        /// Any of its addresses.
        address: String,
    },
    /// Let an account set the quotas and the server's annotations over IMAP, or no longer.
    Admin {
        /// Any of its addresses.
        address: String,
        /// Whether it may.
        state: Switch,
    },
    /// Show or set how much an account may hold.
    Quota {
        /// Any of its addresses.
        address: String,
        /// The limits to set; none given: show them.
        #[command(flatten)]
        quota: QuotaLimits,
    },
    /// Further addresses of an account.
    #[command(subcommand)]
    Address(AccountAddress),
    /// What the account's IMAP clients are not offered, though the server has it.
    Capability {
        /// Any of its addresses.
        address: String,
        /// What to do.
        #[command(subcommand)]
        command: AccountCapability,
    },
    /// Remove an account with all its mail.
    Remove {
        /// Any of its addresses.
        address: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `account capability`
#[derive(Debug, Subcommand)]
pub enum AccountCapability {
    /// Hide a capability: from the next login on the server behaves as if it had never had it.
    Hide {
        /// Its name, such as QRESYNC.
        name: String,
    },
    /// Offer it again.
    Show {
        /// Its name.
        name: String,
    },
    /// What is hidden from this account. What is hidden from all is in the configuration.
    List,
}

/// A thing that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// `account address`
#[derive(Debug, Subcommand)]
pub enum AccountAddress {
    /// Add an address to an account: it receives, sends and logs in by it.
    Add {
        /// Any of its addresses.
        account: String,
        /// The further address.
        address: String,
    },
    /// Take a further address away.
    Remove {
        /// Another of its addresses.
        account: String,
        /// The address to take away.
        address: String,
    },
}

/// `app-password`
#[derive(Debug, Subcommand)]
pub enum AppPassword {
    /// Add one. It is generated unless --password-stdin is given.
    Add {
        /// The account.
        account: String,
        /// What it is for, such as phone.
        name: String,
        /// Read it from standard input, one line.
        #[arg(long)]
        password_stdin: bool,
    },
    /// The names of an account's app passwords.
    List {
        /// The account.
        account: String,
    },
    /// Remove one: what uses it is locked out.
    Remove {
        /// The account.
        account: String,
        /// Its name.
        name: String,
    },
}

/// `alias`
#[derive(Debug, Subcommand)]
pub enum Alias {
    /// Add an alias. "@example.org" as its address makes it the domain's catch-all, which has one target.
    Add {
        /// The address.
        address: String,
        /// Where its mail goes, here or elsewhere.
        #[arg(required = true)]
        targets: Vec<String>,
    },
    /// All aliases and catch-alls.
    List,
    /// Remove an alias or, by "@example.org", a catch-all.
    Remove {
        /// The address.
        address: String,
    },
}

/// `dkim`
#[derive(Debug, Subcommand)]
pub enum Dkim {
    /// Make the first keys of a domain and print the DNS records to publish. They sign at once.
    Create {
        /// The domain.
        domain: String,
    },
    /// All keys.
    List {
        /// Of this domain alone.
        domain: Option<String>,
    },
    /// Print the DNS records of a domain's keys.
    Show {
        /// The domain.
        domain: String,
        /// Compare with what the DNS serves.
        #[arg(long)]
        check: bool,
    },
    /// Make new keys; run again when they are published, let them take over.
    Rotate {
        /// The domain.
        domain: String,
        /// Do not ask, though the DNS does not serve the new keys.
        #[arg(long)]
        yes: bool,
    },
    /// Remove a key that does not sign.
    Remove {
        /// The domain.
        domain: String,
        /// Its selector, from the list.
        selector: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `mailbox`
#[derive(Debug, Subcommand)]
pub enum Mailbox {
    /// An account's mailboxes.
    List {
        /// The account.
        account: String,
    },
    /// Add one; "/" divides levels.
    Create {
        /// The account.
        account: String,
        /// Its name.
        name: String,
    },
    /// Rename one, with those below it.
    Rename {
        /// The account.
        account: String,
        /// Its name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// Remove one with all its messages.
    Remove {
        /// The account.
        account: String,
        /// Its name.
        name: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
    },
}

/// `acl`
#[derive(Debug, Subcommand)]
pub enum Acl {
    /// Who may use a mailbox, its owner apart.
    List {
        /// The account that owns it.
        account: String,
        /// Its name.
        mailbox: String,
    },
    /// Set what somebody may do with a mailbox.
    Set {
        /// The account that owns it.
        account: String,
        /// Its name.
        mailbox: String,
        /// An address of the account that may use it, or "anyone". With "-" in front, the rights are taken away.
        #[arg(allow_hyphen_values = true)]
        identifier: String,
        /// Letters of RFC 4314: l look up, r read, s keep seen, w write flags, i insert, k create below, x remove, t delete, e
        /// expunge, a administer.
        rights: String,
    },
    /// Remove somebody's entry.
    Remove {
        /// The account that owns it.
        account: String,
        /// Its name.
        mailbox: String,
        /// As it is listed.
        #[arg(allow_hyphen_values = true)]
        identifier: String,
    },
}

/// `message`
#[derive(Debug, Subcommand)]
pub enum Message {
    /// A mailbox's newest messages.
    List {
        /// The account.
        account: String,
        /// The mailbox.
        #[arg(default_value = "INBOX")]
        mailbox: String,
        /// How many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Print one message as it is served to clients.
    Show {
        /// The account.
        account: String,
        /// The message's UID, from the list.
        uid: u32,
        /// The mailbox.
        #[arg(default_value = "INBOX")]
        mailbox: String,
    },
}

/// `report`
#[derive(Debug, Subcommand)]
pub enum Report {
    /// The reports that came last, the newest first.
    List,
    /// One report with all that it says.
    Show {
        /// Its number, as in the list.
        id: i64,
    },
}

/// `queue`
#[derive(Debug, Subcommand)]
pub enum Queue {
    /// What waits, the oldest first.
    List {
        /// Which of it; all, if nothing is said.
        #[command(flatten)]
        narrowed: Narrowed,
        /// How many.
        #[arg(long, default_value_t = 1000)]
        limit: u64,
    },
    /// One message that waits, with its recipients.
    Show {
        /// Its id, as in the list and in the reply that the sender got.
        id: String,
    },
    /// Try it now.
    Retry(Selection),
    /// Keep it back until it is released.
    Hold(Selection),
    /// Undo hold, and try it now.
    Release(Selection),
    /// Forget it. Nobody is told.
    Drop(LastChoice),
    /// Give it back to its senders.
    Bounce(LastChoice),
}

/// Queued mail by what is known of it. What is given together must all be true.
#[derive(Debug, Clone, Default, Args)]
pub struct Narrowed {
    /// From this sender; "<>" for notices.
    #[arg(long, value_name = "ADDRESS")]
    pub sender: Option<String>,
    /// For this recipient.
    #[arg(long, value_name = "ADDRESS")]
    pub recipient: Option<String>,
    /// For recipients in this domain.
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,
}

/// What of the queue a command is for.
#[derive(Debug, Clone, Args)]
pub struct Selection {
    /// One message, by its id.
    pub id: Option<String>,
    /// By what is known of it.
    #[command(flatten)]
    pub narrowed: Narrowed,
    /// The whole queue.
    #[arg(long, conflicts_with_all = ["id", "sender", "recipient", "domain"])]
    pub all: bool,
}

/// What of the queue a command takes away.
#[derive(Debug, Clone, Args)]
pub struct LastChoice {
    /// Which of it.
    #[command(flatten)]
    pub selection: Selection,
    /// Do not ask.
    #[arg(long)]
    pub yes: bool,
}

/// `trace`
#[derive(Debug, Args)]
pub struct Trace {
    /// The id that the sender got in the reply, or its Message-ID, or an address it came from or went to.
    pub what: String,
}

fn parse_count(text: &str) -> Result<Bound, String> {
    match text {
        "none" => Ok(Bound::None),
        _ => text
            .parse()
            .map(Bound::At)
            .map_err(|_| "a number or \"none\" is expected".to_owned()),
    }
}

fn parse_size(text: &str) -> Result<Bound, String> {
    let unit = match text.bytes().last() {
        Some(b'K' | b'k') => 1 << 10,
        Some(b'M' | b'm') => 1 << 20,
        Some(b'G' | b'g') => 1 << 30,
        Some(b'T' | b't') => 1_u64 << 40,
        _ => {
            return parse_count(text)
                .map_err(|_| "a size such as 500M, or \"none\", is expected".to_owned());
        }
    };
    let number = text[..text.len() - 1]
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    number
        .map(Bound::At)
        .ok_or_else(|| "a size such as 500M, or \"none\", is expected".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("2G"), Ok(Bound::At(2 << 30)));
        assert_eq!(parse_size("100"), Ok(Bound::At(100)));
        assert_eq!(parse_size("none"), Ok(Bound::None));
        assert!(parse_size("").is_err() && parse_size("M").is_err() && parse_size("1.5G").is_err());
        assert!(parse_size("99999999T").is_err());
    }

    #[test]
    fn options_for_all_commands_may_stand_behind_them() {
        let cli =
            Cli::try_parse_from(["mailctl", "account", "list", "--json", "--config", "x.toml"])
                .expect("parses");
        assert!(cli.global.json);
        assert_eq!(cli.global.config(), Path::new("x.toml"));
    }

    #[test]
    fn a_password_cannot_be_typed_on_the_command_line() {
        assert!(
            Cli::try_parse_from(["mailctl", "account", "add", "a@example.org", "secret"]).is_err()
        );
        assert!(
            Cli::try_parse_from([
                "mailctl",
                "account",
                "add",
                "a@example.org",
                "--password",
                "secret"
            ])
            .is_err()
        );
    }
}
