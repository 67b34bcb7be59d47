//! Strings without their escapes.

use std::borrow::Cow;

use super::surrogate::UnicodeEscape;

/// The text of a JSON string. `token` must have been checked to be one, and includes its quotes.
///
/// A surrogate escape without its partner becomes U+FFFD.
pub(super) fn text(token: &str) -> Cow<'_, str> {
    let body = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
    if !has_escape(body) {
        return Cow::Borrowed(body);
    }
    // A checked string fails here only because of a surrogate.
    match serde_json::from_str(token) {
        Ok(unescaped) => Cow::Owned(unescaped),
        Err(_) => Cow::Owned(unescape_lossy(body)),
    }
}

/// Looks at every byte instead of stopping at the first hit: keys are short, and this way the compiler makes wide
/// compares of it.
fn has_escape(body: &str) -> bool {
    body.bytes().fold(false, |seen, byte| seen | (byte == b'\\'))
}

fn unescape_lossy(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    let mut rest = body;
    while let Some((plain, escape)) = rest.split_once('\\') {
        out.push_str(plain);
        let mut chars = escape.chars();
        let (character, len) = match chars.next() {
            Some('b') => ('\u{8}', 0),
            Some('f') => ('\u{c}', 0),
            Some('n') => ('\n', 0),
            Some('r') => ('\r', 0),
            Some('t') => ('\t', 0),
            Some('u') => {
                let unicode = UnicodeEscape::read(chars.as_str().as_bytes());
                (unicode.character.unwrap_or(char::REPLACEMENT_CHARACTER), unicode.len)
            }
            // `"`, `\` and `/` stand for themselves.
            Some(other) => (other, 0),
            None => break,
        };
        out.push(character);
        rest = chars.as_str().get(len..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_without_escapes_is_borrowed() {
        assert!(matches!(text(r#""plain""#), Cow::Borrowed("plain")));
        assert!(matches!(text(r#""""#), Cow::Borrowed("")));
    }

    #[test]
    fn every_escape_is_resolved_with_and_without_a_lone_surrogate() {
        let escapes = r#"\"\\\/\b\f\n\r\t\u0000\u00e9\ud83d\ude00 \\ud800"#;
        let clean = "\"\\/\u{8}\u{c}\n\r\t\0\u{e9}\u{1f600} \\ud800";
        assert_eq!(text(&format!("\"{escapes}\"")), clean);
        assert_eq!(text(&format!("\"{escapes}\\udead\"")), format!("{clean}\u{fffd}"));
        assert_eq!(unescape_lossy(escapes), clean);
    }

    #[test]
    fn each_lone_surrogate_becomes_one_replacement_character() {
        assert_eq!(text(r#""\ud800\ud800""#), "\u{fffd}\u{fffd}");
        assert_eq!(text(r#""\ud800\ud83d\ude00""#), "\u{fffd}\u{1f600}");
        assert_eq!(text(r#""a\udc00\ud800z""#), "a\u{fffd}\u{fffd}z");
        assert_eq!(text(r#""\ud800\n""#), "\u{fffd}\n");
    }
}
