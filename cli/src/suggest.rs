//! Keys that somebody may have meant.

use std::time::{Duration, Instant};

/// Keys that are named at most.
const MOST: usize = 3;

/// A longer key than this was not typed by hand.
const LONGEST: usize = 128;

/// Time that the search may take: it is a help, and a snapshot can have 50,000 flags.
const TIME: Duration = Duration::from_millis(200);

/// The keys closest to `wanted`: first those that differ in case or separators only, then by the number of typing errors, then
/// those that contain it.
pub(crate) fn closest(wanted: &str, keys: impl Iterator<Item = String>) -> Vec<String> {
    let length = wanted.chars().count();
    if length > LONGEST {
        return Vec::new();
    }
    let (start, letters) = (Instant::now(), letters(wanted));
    // About one error in four letters: with more, anything is close.
    let most = if length < 3 { 0 } else { (length / 4).clamp(1, 3) };
    let mut found: Vec<(usize, String)> = Vec::new();
    for (number, key) in keys.enumerate() {
        if number % 256 == 0 && start.elapsed() > TIME {
            break;
        }
        if let Some(distance) = distance(wanted, &letters, most, &key) {
            found.push((distance, key));
        }
    }
    found.sort();
    found.truncate(MOST);
    found.into_iter().map(|(_, key)| key).collect()
}

fn distance(wanted: &str, wanted_letters: &str, most: usize, key: &str) -> Option<usize> {
    if !wanted_letters.is_empty() && wanted_letters == letters(key) {
        return Some(0);
    }
    // Cheap, and leaves out nearly all keys: each letter more or less is one error at least.
    if key.chars().count().abs_diff(wanted.chars().count()) <= most {
        let errors = strsim::osa_distance(wanted, key);
        if errors <= most {
            return Some(errors);
        }
    }
    (wanted_letters.len() > 2 && key.contains(wanted)).then_some(most + 1)
}

fn letters(key: &str) -> String {
    key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(wanted: &str, keys: &[&str]) -> Vec<String> {
        closest(wanted, keys.iter().map(|key| (*key).to_owned()))
    }

    #[test]
    fn the_closest_keys_come_first_and_others_are_not_named() {
        let keys = ["new-checkout", "new-checkout-v2", "cart-limit", "banner", "checkout"];
        assert_eq!(found("new-chekcout", &keys), ["new-checkout"]);
        assert_eq!(found("newCheckout", &keys), ["new-checkout"]);
        assert_eq!(found("cart_limit", &keys), ["cart-limit"]);
        assert_eq!(found("limit", &keys), ["cart-limit"]);
        assert_eq!(found("checkout", &keys), ["checkout", "new-checkout", "new-checkout-v2"]);
        assert_eq!(found("something-else", &keys), [""; 0]);
        assert_eq!((found("b", &["a", "c"]), found("ab", &["ba"])), (Vec::new(), Vec::new()));
        assert_eq!(found("abd", &["abc"]), ["abc"]);
    }

    #[test]
    fn fifty_thousand_keys_are_searched_in_bounded_time() {
        let keys = (0..50_000).map(|i| format!("team.service.some-flag-{i:05}"));
        let start = Instant::now();
        assert!(!closest("team.service.some-flag-0000x", keys).is_empty());
        // The search, one step of it, and a machine that has other work.
        assert!(start.elapsed() < Duration::from_secs(5));
        assert!(closest(&"x".repeat(LONGEST + 1), std::iter::once("x".repeat(LONGEST + 1))).is_empty());
    }
}
