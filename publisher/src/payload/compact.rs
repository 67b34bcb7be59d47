//! Nested JSON as it is stored: compact, not too deep, without lone surrogates.

use std::borrow::Cow;
use std::ops::Range;

use super::limits::MAX_DEPTH;
use super::surrogate::UnicodeEscape;

/// More than [`MAX_DEPTH`] levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooDeep;

/// Whether a JSON object or array that is a member of the root has no more than [`MAX_DEPTH`] levels. `raw` must have been checked to
/// be one.
///
/// No recursion: the check that made `raw` has no limit of depth, so this is where a depth bomb ends.
pub(super) fn check_depth(raw: &str) -> Result<(), TooDeep> {
    let (mut depth, mut in_string, mut is_escaped) = (1, false, false);
    for byte in raw.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(TooDeep);
                }
            }
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    Ok(())
}

/// The compact text of a JSON object or array. `raw` must have been checked to be one. Nothing is copied if nothing has to change.
pub(super) fn compact(raw: &str) -> Cow<'_, str> {
    let bytes = raw.as_bytes();
    let mut rewrite = Rewrite::new(raw);
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = string_end(bytes, at + 1, &mut rewrite);
                continue;
            }
            b' ' | b'\t' | b'\n' | b'\r' => {
                let end = space_end(bytes, at);
                rewrite.replace(at..end, "");
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    rewrite.finish()
}

fn space_end(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    let space = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
    from + space
}

/// The position after the closing quote of the string whose first character is at `from`.
fn string_end(bytes: &[u8], from: usize, rewrite: &mut Rewrite<'_>) -> usize {
    let mut at = from;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' if bytes.get(at + 1) == Some(&b'u') => {
                let escape = UnicodeEscape::read(bytes.get(at + 2..).unwrap_or_default());
                let end = at + 2 + escape.len;
                if escape.character.is_none() {
                    // The character itself and not its escape: shorter, and just as valid in JSON.
                    rewrite.replace(at..end, "\u{fffd}");
                }
                at = end;
            }
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    at
}

/// A copy with changes, which is made at the first change.
struct Rewrite<'a> {
    source: &'a str,
    out: String,
    /// Everything before this position of `source` is in `out`, or was replaced.
    done: usize,
}

impl<'a> Rewrite<'a> {
    fn new(source: &'a str) -> Self {
        Self { source, out: String::new(), done: 0 }
    }

    /// Puts `text` in place of a part of the source. Parts come in order and begin and end at ASCII characters.
    fn replace(&mut self, part: Range<usize>, text: &str) {
        if self.done == 0 {
            self.out.reserve_exact(self.source.len());
        }
        self.out.push_str(self.source.get(self.done..part.start).unwrap_or_default());
        self.out.push_str(text);
        self.done = part.end;
    }

    fn finish(mut self) -> Cow<'a, str> {
        if self.done == 0 {
            return Cow::Borrowed(self.source);
        }
        self.out.push_str(self.source.get(self.done..).unwrap_or_default());
        Cow::Owned(self.out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_compact_is_borrowed() {
        for raw in ["{}", "[]", r#"{"a":[1,-2.50e+3,1e400,"b c","\n\\\" {","\ud83d\ude00"],"a":null}"#] {
            assert!(matches!(compact(raw), Cow::Borrowed(text) if text == raw), "{raw}");
        }
    }

    #[test]
    fn white_space_goes_outside_strings_and_stays_inside() {
        let raw = "{ \"a b\" :\t[ 1 ,\r\n\"c \\\" d\"\n] , \"e\":{ } }";
        assert_eq!(compact(raw), r#"{"a b":[1,"c \" d"],"e":{}}"#);
    }

    #[test]
    fn a_lone_surrogate_becomes_the_replacement_character_and_an_escaped_backslash_does_not() {
        assert_eq!(
            compact(r#"["\ud800","\\ud800",{"\udc00":1}]"#),
            "[\"\u{fffd}\",\"\\\\ud800\",{\"\u{fffd}\":1}]"
        );
        assert_eq!(compact(r#"["\uD83D\uD83D\uDE00\\"]"#), "[\"\u{fffd}\\uD83D\\uDE00\\\\\"]");
    }

    #[test]
    fn depth_counts_the_root_and_not_brackets_in_strings() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(check_depth(&nested(MAX_DEPTH - 1)).is_ok());
        assert_eq!(check_depth(&nested(MAX_DEPTH)), Err(TooDeep));
        assert!(check_depth(&format!("[\"{}\"]", nested(1_000))).is_ok());
        assert!(check_depth(&format!("[\"\\\"{}\\\\\",1]", nested(1_000))).is_ok());
        assert!(check_depth(&format!("[{}[]]", "[],".repeat(1_000))).is_ok());
    }

    #[test]
    fn the_deepest_text_that_is_accepted_is_one_that_serde_json_parses() {
        let deepest = format!("{}{}", "[".repeat(MAX_DEPTH - 1), "]".repeat(MAX_DEPTH - 1));
        assert!(check_depth(&deepest).is_ok());
        let text = compact(&deepest);
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }
}
