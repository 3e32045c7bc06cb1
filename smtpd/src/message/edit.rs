//! Changes of a header section that others want: fields added, put in between, replaced, taken out.
//!
//! Fields are whole: name, colon, value and CRLF; whoever makes them sees to that. Not here: why it is changed.

use super::header::Header;

impl Header {
    /// Adds a field at the end.
    pub fn append(&mut self, field: &[u8]) {
        // The last field of a message without a body may lack its line end.
        if !self.octets.is_empty() && !self.octets.ends_with(b"\r\n") {
            self.octets.extend_from_slice(b"\r\n");
        }
        self.octets.extend_from_slice(field);
    }

    /// Puts a field in below so many others; at the end, if there are not so many.
    pub fn insert(&mut self, place: usize, field: &[u8]) {
        let place = self.places().nth(place);
        match place {
            Some(at) if at.start < self.octets.len() => {
                self.octets
                    .splice(at.start..at.start, field.iter().copied());
            }
            _ => self.append(field),
        }
    }

    /// Puts `field` in the place of one of those with this name, counted from 0 and from the top. An empty one takes it out. If there
    /// are not so many, it comes at the end.
    pub fn replace(&mut self, name: &str, nth: usize, field: &[u8]) {
        let place = self
            .fields()
            .zip(self.places())
            .filter(|(own, _)| own.is(name))
            .nth(nth);
        match place.map(|(_, place)| place) {
            Some(place) => {
                self.octets.splice(place, field.iter().copied());
            }
            None if field.is_empty() => {}
            None => self.append(field),
        }
    }

    /// Where each field lies.
    fn places(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let mut start = 0;
        self.fields().map(move |field| {
            let place = start..start + field.octets().len();
            start = place.end;
            place
        })
    }
}
