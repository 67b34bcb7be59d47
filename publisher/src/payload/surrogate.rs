//! `\uXXXX` escapes, which come in pairs above U+FFFF and may come without their partner.

/// What follows a `\u`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnicodeEscape {
    /// The character, or `None` for a surrogate without its partner.
    pub(super) character: Option<char>,
    /// Bytes after the first `\u` that belong to it: 4, or 10 for a pair.
    pub(super) len: usize,
}

impl UnicodeEscape {
    /// Reads the text after a `\u`.
    pub(super) fn read(after: &[u8]) -> Self {
        let first = hex(after);
        if let Some(character) = first.and_then(|unit| char::from_u32(unit.into())) {
            return Self { character: Some(character), len: 4 };
        }
        let second = after.get(4..).and_then(|rest| rest.strip_prefix(b"\\u")).and_then(hex);
        let pair =
            first.zip(second).and_then(|(first, second)| char::decode_utf16([first, second]).next()?.ok());
        match pair {
            Some(character) => Self { character: Some(character), len: 10 },
            // The second unit is not consumed: it may begin a pair of its own.
            None => Self { character: None, len: 4 },
        }
    }
}

fn hex(digits: &[u8]) -> Option<u16> {
    digits.first_chunk::<4>()?.iter().try_fold(0, |unit: u16, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(after: &str) -> (Option<char>, usize) {
        let escape = UnicodeEscape::read(after.as_bytes());
        (escape.character, escape.len)
    }

    #[test]
    fn a_unit_outside_the_surrogates_is_a_character() {
        assert_eq!(read("0041rest"), (Some('A'), 4));
        assert_eq!(read("0000"), (Some('\0'), 4));
        assert_eq!(read("d7ff"), (Some('\u{d7ff}'), 4));
        assert_eq!(read("E000"), (Some('\u{e000}'), 4));
    }

    #[test]
    fn a_pair_is_one_character_in_either_case() {
        assert_eq!(read(r"d83d\ude00"), (Some('\u{1f600}'), 10));
        assert_eq!(read(r"D83D\uDE00x"), (Some('\u{1f600}'), 10));
        assert_eq!(read(r"dbff\udfff"), (Some('\u{10ffff}'), 10));
    }

    #[test]
    fn a_surrogate_without_partner_leaves_what_follows_alone() {
        for after in
            [r"d83d", r"d83dx", r"d83d\n", r"d83d\u0041", r"d83d\ud83d\ude00", r"de00\ud83d", r"de00\ude00"]
        {
            assert_eq!(read(after), (None, 4), "{after}");
        }
    }
}
