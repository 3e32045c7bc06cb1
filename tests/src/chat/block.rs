//! Lines and the blocks indented under them: the outer shape of a dialogue file. Knows no keyword.

/// A line at the margin, and the lines indented under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block<'a> {
    /// Number of the line in the file, from 1.
    pub line: usize,
    /// The line, without trailing spaces unless it has content after a colon.
    pub text: &'a str,
    /// What is indented under it: line number and text, the common indentation removed; no blank lines at its end.
    pub body: Vec<(usize, &'a str)>,
}

/// Cuts numbered lines into blocks. Blank lines and comments (`#`) at the margin are left out.
pub fn blocks<'a>(lines: &[(usize, &'a str)]) -> Vec<Block<'a>> {
    let mut blocks: Vec<Block<'a>> = Vec::new();
    for &(line, text) in lines {
        let indented = text.starts_with([' ', '\t']);
        match blocks.last_mut() {
            Some(block) if indented || text.trim().is_empty() => block.body.push((line, text)),
            _ if text.trim().is_empty() => {}
            Some(_) | None if text.starts_with('#') => {
                // A comment ends the block above it, so that its blank lines do not reach across.
                if let Some(block) = blocks.last_mut() {
                    trim(&mut block.body);
                }
            }
            _ => blocks.push(Block {
                line,
                text,
                body: Vec::new(),
            }),
        }
    }
    for block in &mut blocks {
        trim(&mut block.body);
        unindent(&mut block.body);
    }
    blocks
}

fn trim(body: &mut Vec<(usize, &str)>) {
    while body.last().is_some_and(|(_, text)| text.trim().is_empty()) {
        body.pop();
    }
}

fn unindent(body: &mut [(usize, &str)]) {
    let depth = body
        .iter()
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(_, text)| text.len() - text.trim_start_matches([' ', '\t']).len())
        .min()
        .unwrap_or(0);
    for (_, text) in body {
        *text = text.get(depth..).unwrap_or("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(text: &str) -> Vec<(usize, &str)> {
        text.lines()
            .enumerate()
            .map(|(index, line)| (index + 1, line))
            .collect()
    }

    #[test]
    fn a_body_keeps_inner_blank_lines_and_deeper_indentation() {
        let text = "message x:\n    A: b\n      c\n\n    body\n\n# comment\nC: y\n";
        let blocks = blocks(&numbered(text));
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            blocks[0].body,
            vec![(2, "A: b"), (3, "  c"), (4, ""), (5, "body")]
        );
        assert_eq!((blocks[1].line, blocks[1].text), (8, "C: y"));
    }
}
