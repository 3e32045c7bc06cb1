//! Keys that other software makes and uses.

use super::{World, python};

/// An RSA key of another's, made by OpenSSL.
pub struct ForeignKey {
    pem: String,
    /// Its record in the DNS.
    pub record: String,
}

impl ForeignKey {
    pub fn new(world: &World) -> ForeignKey {
        let scratch = world.server.scratch();
        let openssl = |arguments: &[&str], input: &[u8]| {
            let printed = tests::client::run(scratch, "openssl", arguments, input).unwrap();
            String::from_utf8(printed).unwrap()
        };
        let pem = openssl(&["genrsa", "-traditional", "2048"], b"");
        let public = openssl(&["rsa", "-pubout"], pem.as_bytes());
        let public: String = public
            .lines()
            .filter(|line| !line.starts_with('-'))
            .collect();
        ForeignKey {
            pem,
            record: format!("v=DKIM1; k=rsa; p={public}"),
        }
    }

    /// The private key, as dkimpy wants it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The message with dkimpy's signature for sender.test on top.
    pub fn sign(&self, world: &World, message: &str, more: &str) -> String {
        const SIGN: &str = "
import sys, dkim
more = eval(sys.argv[2])
message = sys.stdin.buffer.read().replace(b'\\n', b'\\r\\n')
options = dict(canonicalize=(b'relaxed', b'simple'), include_headers=[b'from', b'subject'])
options.update(more)
field = dkim.sign(message, b's1', b'sender.test', sys.argv[1].encode(), **options)
sys.stdout.write((field + message).decode().replace('\\r\\n', '\\n'))
";
        python(world, SIGN, &[&self.pem, more], message)
    }
}
