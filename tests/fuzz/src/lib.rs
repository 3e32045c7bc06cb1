//! What the targets share: cutting the fuzzer's octets into pieces.
//!
//! A target takes a few octets off the front as its own choices; the rest is the input of the code under test. So one
//! corpus entry says both what is sent and how it arrives.

/// Sizes of the pieces in which an input arrives, chosen by the fuzzer.
#[derive(Debug, Clone, Copy)]
pub struct Cuts([u8; 2]);

/// Takes the choice of pieces off the front of `data`.
pub fn cuts(data: &[u8]) -> Option<(Cuts, &[u8])> {
    let (cuts, rest) = data.split_first_chunk::<2>()?;
    Some((Cuts(*cuts), rest))
}

impl Cuts {
    /// `octets` in pieces of 1 to 16 octets, two sizes in turn.
    pub fn of(self, octets: &[u8]) -> impl Iterator<Item = &[u8]> {
        let sizes = self.0.into_iter().cycle();
        let mut rest = octets;
        sizes.map_while(move |size| {
            let (piece, tail) = rest.split_at(rest.len().min(1 + usize::from(size % 16)));
            rest = tail;
            (!piece.is_empty()).then_some(piece)
        })
    }
}

/// `octets` without what makes newlines whole: true if a CR or LF is in it that is not part of a CRLF.
pub fn has_bare_newline(octets: &[u8]) -> bool {
    let mut previous = 0;
    for &octet in octets {
        if (previous == b'\r') != (octet == b'\n') {
            return true;
        }
        previous = octet;
    }
    previous == b'\r'
}
