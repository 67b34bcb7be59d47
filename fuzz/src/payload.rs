//! A payload for the decoder. What it takes becomes a whole archive that finds every flag.

use flagstaff_format::{Archive, Facts, Generation};
use flagstaff_publisher::payload::{Limits, decode};

/// Runs the target.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let limits = Limits::default().max_payload(64 * 1024);
    let Ok(flags) = decode(text, &limits) else { return };
    assert!(text.len() <= 64 * 1024);
    let flags: Vec<_> = flags.into_iter().collect();
    let Ok(archive) = Archive::build(&flags, Generation(1), Facts::default()) else { return };
    archive.verify().unwrap();
    assert!(archive.len() <= flags.len());
    // The last of equal keys is the one that counts.
    for flag in &flags {
        let last = flags.iter().rev().find(|other| other.key == flag.key).unwrap();
        let found = archive.value_of(archive.find(&flag.key)).unwrap();
        assert_eq!(format!("{found:?}"), format!("{:?}", last.value), "{:?}", flag.key);
    }
}
