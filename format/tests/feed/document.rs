//! The document and the code say the same.

use std::path::Path;

use super::{archive, flags, folder, open, told, view};

/// Written from docs/format-protocol.md alone: what another language has to do. Of a file that nobody publishes into.
fn by_the_book(path: &Path, j: u64) -> Option<Vec<u64>> {
    let bytes = std::fs::File::open(path).unwrap();
    let word = |n: u64| {
        let mut word = [0; 8];
        std::os::unix::fs::FileExt::read_exact_at(&bytes, &mut word, n * 8).unwrap();
        u64::from_le_bytes(word)
    };
    let is_of = |word: u64, k: u64| {
        let low = word & 0xf_ffff;
        word >> 20 == ((k << 20) | low).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20
    };
    let mut k = word(16) / 2;
    if j >= k {
        return (j == k).then(Vec::new);
    }
    let head = word(33 + k % 2);
    if !is_of(head, k) {
        return None;
    }
    let (position, count) = (head & 1023, head >> 10 & 1023);
    let mut places = Vec::new();
    for back in 1..=count {
        let entry = word(48 + (position + 368 - back) % 368);
        if back > 1 && is_of(entry, k - 1) {
            k -= 1;
        }
        if !is_of(entry, k) || (entry & 0xf_ffff == 0xf_ffff && k != j) {
            return None;
        }
        if k == j {
            return Some(places);
        }
        if entry & 0xf_ffff != 0xf_fffe {
            places.push(entry & 0xf_ffff);
        }
    }
    None
}

#[test]
fn a_reader_written_from_the_document_is_told_the_same() {
    let (_folder, path) = folder();
    let (mut writer, mut now) = (open(&path), flags(200));
    let mut known = 0;
    for i in 0..120_u32 {
        match i % 40 {
            7 => drop(now.insert(format!("new-{i}"), 1)),
            19 => now.values_mut().for_each(|value| *value += 1),
            _ => (0..i % 5).for_each(|n| *now.get_mut(&format!("flag-{}", (i * 31 + n) % 200)).unwrap() += 1),
        }
        writer.publish(&mut archive(&now)).unwrap();
        let view = view(&path);
        let current = view.observe().generation().0;
        for j in current.saturating_sub(30)..current + 2 {
            let told = told(&view, j).ok().map(|flags| flags.len());
            let places = by_the_book(&path, j).map(|mut places| {
                places.sort_unstable();
                places.dedup();
                places.len()
            });
            assert_eq!(told, places, "from {j} to {current}");
            known += usize::from(told.is_some());
        }
    }
    assert!(known > 1000, "{known}");
}
