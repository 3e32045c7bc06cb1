//! Macros: what a filter is told of a session and a message beside the commands themselves, by sendmail's names.
//!
//! A filter may ask for those that it wants at each step; one that does not gets those that Postfix sends by default. A macro of which
//! nothing is known is left out. Pure.

use super::negotiation::Agreement;
use super::packet::Step;

/// Names and values that are known, the names without braces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Macros(Vec<(&'static str, String)>);

impl Macros {
    /// Sets a value; an empty one is none.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        let value = value.into();
        self.0.retain(|(own, _)| *own != name);
        if !value.is_empty() {
            self.0.push((name, value));
        }
    }

    /// What to send before the command of a step.
    pub fn for_step(&self, step: Step, agreement: &Agreement) -> Vec<(String, String)> {
        match agreement.macros(step) {
            Some(names) => names
                .iter()
                .filter_map(|name| self.value(bare(name)))
                .collect(),
            None => defaults(step)
                .iter()
                .filter_map(|name| self.value(name))
                .collect(),
        }
    }

    /// The macro as it is sent: names of more than one letter have braces.
    fn value(&self, name: &str) -> Option<(String, String)> {
        let (_, value) = self.0.iter().find(|(own, _)| *own == name)?;
        let name = match name.len() {
            1 => name.to_owned(),
            _ => format!("{{{name}}}"),
        };
        Some((name, value.clone()))
    }
}

fn bare(name: &str) -> &str {
    name.strip_prefix('{')
        .and_then(|name| name.strip_suffix('}'))
        .unwrap_or(name)
}

fn defaults(step: Step) -> &'static [&'static str] {
    match step {
        Step::Connect => &[
            "j",
            "_",
            "v",
            "daemon_name",
            "daemon_addr",
            "daemon_port",
            "client_addr",
            "client_port",
            "client_name",
        ],
        Step::Hello => &["tls_version", "cipher"],
        Step::Mail => &["auth_authen", "mail_addr"],
        Step::Recipient => &["rcpt_addr"],
        Step::Data | Step::EndOfHeader | Step::EndOfMessage => &["i"],
        Step::Header | Step::Body => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::super::negotiation::agreement;
    use super::*;

    fn known() -> Macros {
        let mut macros = Macros::default();
        macros.set("i", "ABC");
        macros.set("rcpt_addr", "a@b.test");
        macros.set("auth_authen", "");
        macros
    }

    #[test]
    fn a_filter_gets_what_it_asked_for_and_what_is_known() {
        let asked = b"\0\0\0\x06\0\0\0\0\0\0\0\0\0\0\0\x02{rcpt_addr} {i} {auth_authen} x\0";
        let asked = agreement(asked).unwrap();
        let sent = known().for_step(Step::Mail, &asked);
        let expected = [("{rcpt_addr}", "a@b.test"), ("i", "ABC")];
        assert_eq!(
            sent,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }

    #[test]
    fn a_filter_that_asks_for_nothing_gets_the_defaults() {
        let sent = known().for_step(Step::Data, &Agreement::default());
        assert_eq!(sent, [("i".to_owned(), "ABC".to_owned())]);
        assert_eq!(known().for_step(Step::Mail, &Agreement::default()), []);
    }
}
