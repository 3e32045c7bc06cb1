//! What to type into a real mail client.

use super::ground::{ALICE, BOB, Ground, PASSWORD, Ports};

/// The settings, as text.
pub fn describe(ground: &Ground, ports: &Ports) -> String {
    let Ports {
        submissions,
        submission,
        smtp,
        imap,
        imaps,
        pop3,
        pop3s,
    } = ports;
    format!(
        "
The server runs. Connect any mail client:

  accounts      {ALICE}, {BOB}
  password      {PASSWORD}
  server        {host}, name and password as \"normal password\"
  IMAP          port {}  SSL/TLS   (or port {}, STARTTLS)
  POP3          port {}  SSL/TLS   (or port {}, STARTTLS)
  outgoing      port {}  SSL/TLS   (or port {}, STARTTLS)
  incoming mail port {}

  The certificate is self-signed: the client asks once whether to trust it.
  Logs, mail and configuration: {}
  Administer it: mailctl --config {} account list

Ctrl-C ends it.
",
        imaps.port(),
        imap.port(),
        pop3s.port(),
        pop3.port(),
        submissions.port(),
        submission.port(),
        smtp.port(),
        ground.dir.display(),
        ground.config_file.display(),
        host = imaps.ip(),
    )
}
