//! An error with its causes, as one line for a log or a terminal.

use std::error::Error;

/// The message of an error, then those of its causes that it does not contain already, separated by colons.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    for cause in causes.map(ToString::to_string) {
        if !text.contains(&cause) {
            text = text + ": " + &cause;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::OpenError;

    #[test]
    fn causes_follow_the_message_and_none_is_repeated() {
        let error = OpenError::Thread(std::io::Error::other("no memory"));
        assert_eq!(with_causes(&error), "cannot start a thread; raise the limit on processes: no memory");
        assert_eq!(with_causes(&std::io::Error::other("no memory")), "no memory");
    }
}
