//! A feed that is true, of a table that lies.

use std::os::unix::fs::{FileExt as _, PermissionsExt as _};

use flagstaff_format::layout::{Area, FRAME_BYTES};
use flagstaff_format::{Archive, Facts, Flag, Generation, Value};

use super::{folder, open, view};

#[test]
fn records_that_lie_cost_no_more_than_their_archive_and_crash_nobody() {
    let (_folder, path) = folder();
    let mut writer = open(&path);
    for round in 0..2 {
        let flags: Vec<_> = (0..100)
            .map(|i| Flag {
                key: format!("flag-{i}").into(),
                value: Value::String(format!("text {round}").into()),
            })
            .collect();
        let archive = &mut Archive::build(&flags, Generation(1), Facts::default()).unwrap();
        writer.publish(archive).unwrap();
    }
    let view = view(&path);
    let (seen, archive) = (view.observe(), Area::Slot(0).offset() + FRAME_BYTES);
    let changed = view.changed_since(seen, Generation(1)).unwrap().unwrap();
    assert_eq!(changed.flags.len(), 100);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let mut random = fastrand::Rng::with_seed(3);
    for round in 0..3000 {
        let at = random.u64(..changed.frame.archive_bytes / 8) * 8;
        let value = match round % 4 {
            0 => random.u64(..),
            1 => u64::MAX,
            2 => 0xff_ffff << 8 | 8,
            _ => random.u64(..1 << 20),
        };
        file.write_all_at(&value.to_le_bytes(), archive + at).unwrap();
        let Some(Ok(found)) = view.changed_since(seen, Generation(1)) else { continue };
        let texts: usize = found.flags.iter().filter_map(|flag| Some(flag.text.as_ref()?.len())).sum();
        assert!(texts as u64 <= changed.frame.archive_bytes, "{texts} bytes of texts");
    }
    // All of them the whole archive.
    for place in 0..changed.frame.places as u64 {
        let value = changed.frame.archive_bytes - 64;
        file.write_all_at(&8_u64.to_le_bytes(), archive + place * 64).unwrap();
        file.write_all_at(&value.to_le_bytes(), archive + place * 64 + 8).unwrap();
    }
    assert!(!matches!(view.changed_since(seen, Generation(1)), Some(Ok(_))));
}
