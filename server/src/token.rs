//! The token for write requests.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A token, as `Authorization: Bearer <token>` carries it. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Arc<str>);

/// Why a text is not a usable token. The message never contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "token is empty or has characters other than printable ascii without spaces; make one with `openssl rand -hex 16`"
)]
#[non_exhaustive]
pub struct TokenError;

impl Token {
    /// Checks a token; trailing line ends are removed.
    ///
    /// # Errors
    /// It is empty, or cannot be sent in a header.
    pub fn new(text: &str) -> Result<Token, TokenError> {
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError);
        }
        Ok(Token(text.into()))
    }

    /// Whether a header `Authorization` carries it. Takes the same time for every wrong token of the right length.
    pub(crate) fn is_in(&self, header: &[u8]) -> bool {
        let Some((scheme, found)) = header.split_at_checked("Bearer ".len()) else { return false };
        let expected = self.0.as_bytes();
        let is_bearer = scheme.eq_ignore_ascii_case(b"Bearer ");
        let differences = found.iter().zip(expected).fold(0, |all, (a, b)| all | (a ^ b));
        is_bearer && found.len() == expected.len() && std::hint::black_box(differences) == 0
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Token, TokenError> {
        Token::new(text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_taken_from_a_bearer_header_only() {
        let token = Token::new("s3cret\n").unwrap();
        assert!(token.is_in(b"Bearer s3cret") && token.is_in(b"bearer s3cret"));
        for header in ["", "Bearer", "Bearer ", "Bearer s3cre", "Bearer s3crets", "Basic s3cret", "s3cret"] {
            assert!(!token.is_in(header.as_bytes()), "{header}");
        }
        assert_eq!(format!("{token:?}"), "Token(..)");
        for text in ["", "\n", "a b", "é"] {
            assert_eq!(Token::new(text), Err(TokenError));
        }
    }
}
