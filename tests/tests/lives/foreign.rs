//! Files that are no snapshots.

use std::fs;

use flagstaff_tests::place::Place;

/// Puts one at the path of the snapshot, by rename.
pub(crate) fn put(place: &Place, what: u32) {
    let bytes: &[u8] = match what {
        0 => b"",
        1 => b"these are not the flags\n",
        2 => b"{\"n\": 1}",
        _ => &[b"SQLite format 3\0".as_slice(), &[1; 8192]].concat(),
    };
    let foreign = place.join("foreign");
    fs::write(&foreign, bytes).unwrap();
    fs::rename(foreign, place.file()).unwrap();
}
