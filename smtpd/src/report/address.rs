//! Who is told about a domain: addresses of its records, as far as they may be asked for (RFC 9990 §4, RFC 8460 §3).

use hyper::Uri;
use mail_auth::Txt;
use mail_auth::common::cache::NoCache;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::mta_sts::{ReportUri, TlsRpt};

use crate::dns::Dns;
use crate::limits::REPORT_ADDRESSES_MAX;

/// Those of `addresses` that may be told about `domain`: their own domains must say that they want to (`_report._dmarc`), or
/// anybody could have anybody flooded. `None`: that is not known now.
pub(super) async fn willing(dns: &Dns, domain: &str, addresses: &[String]) -> Option<Vec<String>> {
    let asked = &addresses[..addresses.len().min(REPORT_ADDRESSES_MAX)];
    let resolver = dns.authenticator();
    let cache = None::<&NoCache<Box<str>, Txt>>;
    let willing = resolver.verify_dmarc_report_address(domain, asked, cache);
    let willing = willing.await?;
    Some(willing.into_iter().cloned().collect())
}

/// Who wants to be told about TLS.
#[derive(Debug, Default)]
pub(super) struct TlsReaders {
    /// Addresses of mail.
    pub(super) by_mail: Vec<String>,
    /// `https:` URIs.
    pub(super) by_https: Vec<Uri>,
}

/// Who wants TLS reports about `domain`. `None`: that is not known now.
pub(super) async fn wanting_tls(dns: &Dns, domain: &str) -> Option<TlsReaders> {
    let answer = dns.txt(&format!("_smtp._tls.{domain}")).await.ok()?;
    let mut records = answer
        .records
        .iter()
        .filter_map(|text| TlsRpt::parse(text).ok());
    let mut readers = TlsReaders::default();
    // Several records are as good as none (RFC 8460 §3).
    let (Some(record), None) = (records.next(), records.next()) else {
        return Some(readers);
    };
    for reader in record.rua.into_iter().take(REPORT_ADDRESSES_MAX) {
        match reader {
            ReportUri::Mail(address) => readers.by_mail.push(address),
            ReportUri::Http(uri) => readers.by_https.extend(uri.parse::<Uri>()),
        }
    }
    Some(readers)
}
