//! White space of JSON text: none at all, or the one that people read. Tokens stay as they are, numbers above all.

use std::borrow::Cow;

/// The text without insignificant white space. `json` must be valid.
pub(crate) fn compact(json: &str) -> Cow<'_, str> {
    if !Tokens(json).any(|token| token.starts_with(is_space)) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len());
    out.extend(Tokens(json).filter(|token| !token.starts_with(is_space)));
    Cow::Owned(out)
}

/// Where text goes.
pub(crate) trait Sink {
    fn text(&mut self, text: &str);

    /// The same text several times.
    fn times(&mut self, text: &str, count: usize) {
        (0..count).for_each(|_| self.text(text));
    }
}

impl Sink for String {
    fn text(&mut self, text: &str) {
        self.push_str(text);
    }
}

/// Only counts the bytes: text that turns out to be too large need not be made.
#[derive(Debug, Default)]
pub(crate) struct Length(usize);

impl Length {
    pub(crate) fn bytes(&self) -> usize {
        self.0
    }
}

impl Sink for Length {
    fn text(&mut self, text: &str) {
        self.0 = self.0.saturating_add(text.len());
    }

    fn times(&mut self, text: &str, count: usize) {
        self.0 = self.0.saturating_add(text.len().saturating_mul(count));
    }
}

/// The text as people read it: two spaces for each level, a line for each member. `level` is the level of the line that it
/// starts on. `json` must be valid. Can be many times as long as `json`.
pub(crate) fn pretty(json: &str, level: usize, out: &mut impl Sink) {
    let mut level = level;
    let mut tokens = Tokens(json).filter(|token| !token.starts_with(is_space)).peekable();
    while let Some(token) = tokens.next() {
        match token {
            "{" | "[" => {
                out.text(token);
                if let Some(end) = tokens.next_if(|next| matches!(*next, "}" | "]")) {
                    out.text(end);
                } else {
                    level += 1;
                    line(out, level);
                }
            }
            "}" | "]" => {
                level = level.saturating_sub(1);
                line(out, level);
                out.text(token);
            }
            "," => {
                out.text(",");
                line(out, level);
            }
            ":" => out.text(": "),
            _ => out.text(token),
        }
    }
}

fn line(out: &mut impl Sink, level: usize) {
    out.text("\n");
    out.times("  ", level);
}

fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

fn is_mark(character: char) -> bool {
    matches!(character, '{' | '}' | '[' | ']' | ',' | ':')
}

/// The tokens of valid JSON and what is between them: a mark, a string, a word or number, a run of white space.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let first = self.0.chars().next()?;
        let len = if is_mark(first) {
            1
        } else if first == '"' {
            string_len(self.0)
        } else if is_space(first) {
            self.0.find(|c| !is_space(c)).unwrap_or(self.0.len())
        } else {
            self.0.find(|c| is_space(c) || is_mark(c) || c == '"').unwrap_or(self.0.len())
        };
        let (token, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(token)
    }
}

/// Bytes of the string that `text` starts with, its quotes included.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pretty(json: &str, level: usize) -> String {
        let (mut out, mut length) = (String::new(), Length::default());
        super::pretty(json, level, &mut out);
        super::pretty(json, level, &mut length);
        assert_eq!(length.bytes(), out.len(), "{json}");
        out
    }

    #[test]
    fn compact_text_is_borrowed_and_strings_and_numbers_stay_as_written() {
        for text in ["{}", "1e400", "12345678901234567890", r#"{"a b":[1,"c \" , d"],"e":null}"#] {
            assert!(matches!(compact(text), Cow::Borrowed(same) if same == text), "{text}");
        }
        let loose = "{ \"a b\" :\t[ 1.50 ,\r\n\"c \\\" [ d\\\\\"\n] , \"e\":{ } }";
        assert_eq!(compact(loose), r#"{"a b":[1.50,"c \" [ d\\"],"e":{}}"#);
    }

    #[test]
    fn pretty_text_has_two_spaces_for_each_level() {
        assert_eq!(pretty("1e400", 3), "1e400");
        assert_eq!(pretty("{ }", 1), "{}");
        assert_eq!(
            pretty(r#"{"a":[1,{"b":[]}],"c, {":"\"}"}"#, 1),
            "{\n    \"a\": [\n      1,\n      {\n        \"b\": []\n      }\n    ],\n    \"c, {\": \"\\\"}\"\n  }"
        );
    }

    #[test]
    fn pretty_then_compact_is_the_same_text() {
        let text = r#"{"a":[1,-2.50e+3,[],{"x":{}}],"é":"\ud800 ☃"}"#;
        assert_eq!(compact(&pretty(text, 4)), text);
    }
}
