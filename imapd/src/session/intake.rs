//! Gathers a command: its lines, and the literals between them, within the limits of the session's state.
//!
//! A pure machine. It is shown lines and octets, and says what the session has to do. After a refusal it still reads the
//! rest of the refused command, above all the octets of non-synchronising literals, so that they are never taken for
//! commands (RFC 7888 §4).
//!
//! ```text
//!            line {n}                                  line
//! Line ────────────────► Literal ──end──► Line ─────────────────► Complete
//!   │ line {n+}, too large                  ▲
//!   └──────────────► Discard ──end──────────┘ (refused: the next plain line ends it)
//! ```

use crate::grammar::fragment::{Announced, announced};

/// How large things may be in the session's present state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// A command, with its literals.
    pub command_octets: u64,
    /// A refused literal that is still read.
    pub discard_octets: u64,
}

/// What the session has to do after a line.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// The command is whole: see [`Intake::take`].
    Complete,
    /// The command was refused before, and has now ended.
    Refused,
    /// The line announced a literal. The session decides whether it is a message to be appended; otherwise it calls
    /// [`Intake::accept`].
    Literal(Announced),
    /// More of a refused command follows, or its literal is being thrown away.
    Discard,
    /// What is announced is too large to be thrown away: the connection must end.
    Hopeless,
}

/// A command being gathered.
#[derive(Debug, Default)]
pub struct Intake {
    gathered: Vec<u8>,
    /// Octets of the literal being read, not yet arrived when it began.
    literal: Option<u64>,
    refused: bool,
}

impl Intake {
    /// How many octets of a literal come next; `None` when a line comes next.
    pub fn literal(&self) -> Option<u64> {
        self.literal
    }

    /// What has been gathered so far.
    pub fn gathered(&self) -> &[u8] {
        &self.gathered
    }

    /// Takes a line, without its end.
    pub fn line(&mut self, line: &[u8], bounds: Bounds) -> Step {
        if !self.refused {
            self.gathered.extend_from_slice(line);
        }
        match announced(line) {
            None if self.refused => Step::Refused,
            None => Step::Complete,
            Some(literal) if self.refused => self.discard(literal, bounds),
            Some(literal) => Step::Literal(literal),
        }
    }

    /// Begins to gather a literal. `false` if the command would become too large: then [`Self::refuse`].
    pub fn accept(&mut self, literal: Announced, bounds: Bounds) -> bool {
        let octets = (self.gathered.len() as u64).saturating_add(literal.octets);
        if octets > bounds.command_octets {
            return false;
        }
        self.gathered.extend_from_slice(b"\r\n");
        self.literal = Some(literal.octets);
        true
    }

    /// Refuses the command at an announced literal. A synchronising literal is never sent after the refusal, so that
    /// the command has ended; of the other kind the rest of the command follows.
    pub fn refuse(&mut self, literal: Announced, bounds: Bounds) -> Step {
        self.refused = true;
        self.discard(literal, bounds)
    }

    fn discard(&mut self, literal: Announced, bounds: Bounds) -> Step {
        if literal.synchronising {
            return Step::Refused;
        }
        if literal.octets > bounds.discard_octets {
            return Step::Hopeless;
        }
        self.literal = Some(literal.octets);
        Step::Discard
    }

    /// Takes octets of a literal.
    pub fn octets(&mut self, octets: &[u8]) {
        if !self.refused {
            self.gathered.extend_from_slice(octets);
        }
    }

    /// The literal has ended; a line comes next.
    pub fn literal_end(&mut self) {
        self.literal = None;
    }

    /// Gives the gathered command away and begins anew.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(self).gathered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds {
        command_octets: 100,
        discard_octets: 1000,
    };

    #[test]
    fn literals_stand_in_the_command_as_they_came() {
        let mut intake = Intake::default();
        let Step::Literal(literal) = intake.line(b"a LOGIN {4+}", BOUNDS) else {
            unreachable!()
        };
        assert!(intake.accept(literal, BOUNDS));
        intake.octets(b"fr");
        intake.octets(b"ed");
        intake.literal_end();
        assert_eq!(intake.line(b" pw", BOUNDS), Step::Complete);
        assert_eq!(intake.take(), b"a LOGIN {4+}\r\nfred pw");
        assert_eq!(intake.literal(), None);
    }

    #[test]
    fn a_refused_literal_is_never_a_command() {
        let mut intake = Intake::default();
        let Step::Literal(literal) = intake.line(b"a LOGIN {500+}", BOUNDS) else {
            unreachable!()
        };
        assert!(!intake.accept(literal, BOUNDS));
        assert_eq!(intake.refuse(literal, BOUNDS), Step::Discard);
        assert_eq!(intake.literal(), Some(500));
        intake.octets(b"b DELETE INBOX");
        intake.literal_end();
        assert_eq!(intake.line(b" {3+}", BOUNDS), Step::Discard);
        intake.literal_end();
        assert_eq!(intake.line(b"b DELETE INBOX", BOUNDS), Step::Refused);
        assert_eq!(intake.take(), b"a LOGIN {500+}");
    }

    #[test]
    fn a_refused_synchronising_literal_does_not_come() {
        let mut intake = Intake::default();
        let Step::Literal(literal) = intake.line(b"a LOGIN {500}", BOUNDS) else {
            unreachable!()
        };
        assert_eq!(intake.refuse(literal, BOUNDS), Step::Refused);
    }

    #[test]
    fn a_monstrous_literal_ends_the_connection() {
        let mut intake = Intake::default();
        let Step::Literal(literal) = intake.line(b"a APPEND x {5000+}", BOUNDS) else {
            unreachable!()
        };
        assert_eq!(intake.refuse(literal, BOUNDS), Step::Hopeless);
    }

    proptest! {
        #[test]
        fn cutting_a_literal_changes_nothing(octets in proptest::collection::vec(any::<u8>(), 0..50), cut in 0usize..50) {
            let gather = |pieces: &[&[u8]]| {
                let mut intake = Intake::default();
                let line = format!("a X {{{}}}", octets.len());
                if let Step::Literal(literal) = intake.line(line.as_bytes(), BOUNDS) {
                    intake.accept(literal, BOUNDS);
                }
                for piece in pieces {
                    intake.octets(piece);
                }
                intake.literal_end();
                intake.line(b"", BOUNDS);
                intake.take()
            };
            let (left, right) = octets.split_at(cut.min(octets.len()));
            prop_assert_eq!(gather(&[&octets]), gather(&[left, right]));
        }
    }
}
