//! Makes text of unknown origin safe for a log or a terminal.

use std::borrow::Cow;

/// A text on one line, fit to be shown: every character that a terminal or a log takes for a command, that ends a line, that turns the
/// direction of text around, or that nobody can see, is replaced by U+FFFD. So no key, value, file name or response of a server can
/// forge a line or hide in one.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if is_printable(c) { c } else { char::REPLACEMENT_CHARACTER }).collect())
}

/// Whether [`printable`] keeps a character. It replaces controls, format characters (general category Cf), line and paragraph
/// separators, and what Unicode calls ignorable by default, which is drawn as nothing. The sixteen variation selectors from U+FE00 on
/// are kept: they only choose between two pictures of the character before them.
#[must_use]
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}' | '\u{891}' | '\u{8e2}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_lines_moves_cursors_turns_text_around_or_cannot_be_seen_is_replaced() {
        for c in [
            '\n',
            '\r',
            '\t',
            '\0',
            '\x1b',
            '\x7f',
            '\u{85}',
            '\u{9b}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{200e}',
            '\u{200f}',
            '\u{61c}',
            '\u{200b}',
            '\u{200d}',
            '\u{feff}',
            '\u{ad}',
            '\u{2060}',
            '\u{3164}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e0100}',
        ] {
            assert_eq!(printable(&format!("a{c}b")), "a\u{fffd}b", "{c:?}");
        }
    }

    #[test]
    fn what_people_write_stays_as_it_is_and_is_not_copied() {
        for text in [
            "",
            "new-checkout",
            "a b",
            "\\n \"x\"",
            "schl\u{fc}ssel",
            "\u{5de}\u{5e4}\u{5ea}\u{5d7}",
            "\u{4e2d}\u{6587}",
            "e\u{301}",
            "\u{2764}\u{fe0f}",
            "\u{1f600}",
        ] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text), "{text:?}");
        }
    }
}
