//! What the checks of a message say, and how their words become one.
//!
//! Checks run one after the other at the end of data, before anything is accepted: first our own verification, then the
//! milters, which see its result. A check refuses with a `Reject`, and then nothing else runs; or it gives a [`Verdict`], and
//! may have changed header section and draft as well.
//!
//! Not here: any check, and what becomes of the verdict (`delivery`).

/// What a check found about a message that it does not refuse.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Header fields to be put on top of the message, below the trace; complete, with CRLF.
    pub fields: String,
    /// The message is filed in Junk instead of INBOX.
    pub junk: bool,
    /// The message is kept apart, why: its copies here are filed in Junk, and those for elsewhere wait for the administrator.
    pub quarantine: Option<String>,
    /// The message is accepted and thrown away: a filter wants that.
    pub discard: bool,
    /// What was found, for journal and log: words without line ends, such as `spf=pass`.
    pub findings: Vec<String>,
    /// The sender's address is shown to be forged, or may be: nobody is told when this message cannot be delivered.
    pub forged: bool,
}

impl Verdict {
    /// Takes in what a later check says: its fields come above those of the checks before it.
    pub fn add(&mut self, later: Verdict) {
        self.fields.insert_str(0, &later.fields);
        self.junk |= later.junk;
        self.discard |= later.discard;
        self.quarantine = self.quarantine.take().or(later.quarantine);
        self.forged |= later.forged;
        self.findings.extend(later.findings);
    }

    /// The findings as the end of a line; empty if there are none.
    pub fn told(&self) -> String {
        match self.findings.is_empty() {
            true => String::new(),
            false => format!(", {}", self.findings.join(" ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_of_later_checks_stand_above() {
        let verdict = |fields: &str, junk| Verdict {
            fields: fields.into(),
            junk,
            findings: vec![format!("x={junk}")],
            ..Verdict::default()
        };
        let mut whole = Verdict::default();
        assert_eq!(whole.told(), "");
        whole.add(verdict("A: 1\r\n", true));
        whole.add(verdict("B: 2\r\n", false));
        assert_eq!(whole.fields, "B: 2\r\nA: 1\r\n");
        assert!(whole.junk);
        assert_eq!(whole.told(), ", x=true x=false");
    }
}
