//! The command line of a process without secrets and without control characters, to be shown.

use std::borrow::Cow;

use crate::show;

/// Parts of option and variable names whose values are not shown.
const SECRET: [&str; 6] = ["key", "token", "secret", "passw", "credential", "auth"];

/// Replaces a secret.
const HIDDEN: &str = "***";

/// The arguments as one line.
pub(super) fn line(arguments: &[String]) -> String {
    let mut words = Vec::with_capacity(arguments.len());
    let mut is_secret = false;
    for argument in arguments {
        let word = match argument.split_once('=') {
            _ if is_secret && !argument.starts_with("--") => HIDDEN.into(),
            Some((name, _)) if is_secret_name(name) => format!("{name}={HIDDEN}").into(),
            _ => without_user_info(argument),
        };
        is_secret = argument.starts_with('-') && !argument.contains('=') && is_secret_name(argument);
        words.push(show::harmless(&word));
    }
    words.join(" ")
}

/// Whether an option of this name takes a secret. The path of a file that holds one is not secret.
fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let is_file = ["file", "path", "dir"].iter().any(|end| name.ends_with(end));
    !is_file && SECRET.iter().any(|part| name.contains(part))
}

/// A URL without name and password of its user.
fn without_user_info(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://{HIDDEN}{}", &rest[at..]).into(),
        None => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(words: &[&str]) -> String {
        line(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn secrets_are_not_shown_and_everything_else_is() {
        for (words, expected) in [
            (
                &["flagstaff", "run", "--api-key", "s3cret", "--file", "f"][..],
                "flagstaff run --api-key *** --file f",
            ),
            (&["flagstaff", "run", "--api-key=s3cret"], "flagstaff run --api-key=***"),
            (&["flagstaff", "run", "--api-key-file", "/etc/key"], "flagstaff run --api-key-file /etc/key"),
            (&["env", "SOASAP_API_KEY=s3cret", "app"], "env SOASAP_API_KEY=*** app"),
            (&["app", "--url", "https://me:pw@host/p?a@b"], "app --url https://***@host/p?a@b"),
            (&["app", "--url", "https://host/p@q"], "app --url https://host/p@q"),
            (&["app", "a\x1b[2Jb"], "app a\u{fffd}[2Jb"),
            (&[], ""),
        ] {
            assert_eq!(shown(words), expected);
        }
    }
}
