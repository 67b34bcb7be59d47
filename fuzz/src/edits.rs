//! A payload, and edits of it one after the other: whatever a publisher changes in place must be what is built whole.

use flagstaff_publisher::Follower;

/// Runs the target. Up to the first zero byte the data are the first payload. Then come edits: place (two bytes), how many bytes go, how
/// many come, and those.
pub fn run(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let mut payload = parts.next().unwrap_or_default().to_vec();
    let mut edits = parts.next().unwrap_or_default();
    let mut follower = Follower::default();
    take(&mut follower, &payload);
    while let [low, high, gone, count, rest @ ..] = edits {
        let (new, left) = rest.split_at(rest.len().min(usize::from(*count) % 32));
        let at = usize::from(u16::from_le_bytes([*low, *high])) % (payload.len() + 1);
        let end = (at + usize::from(*gone) % 32).min(payload.len());
        payload.splice(at..end, new.iter().copied());
        take(&mut follower, &payload);
        edits = left;
    }
}

fn take(follower: &mut Follower, payload: &[u8]) {
    let Ok(payload) = std::str::from_utf8(payload) else { return };
    let whole = follower.whole(payload);
    match (follower.take(payload), whole) {
        (Ok(_), Ok(Some(whole))) => {
            let archive = follower.archive().unwrap();
            assert_eq!((archive.frame(), archive.facts()), (whole.frame(), whole.facts()), "{payload:?}");
            assert!(archive.bytes() == whole.bytes(), "{payload:?}");
            archive.verify().unwrap();
        }
        // Keys that were made to collide.
        (Ok(None), Ok(None)) => {}
        (Err(taken), Err(whole)) => assert_eq!(taken.to_string(), whole.to_string(), "{payload:?}"),
        (taken, whole) => panic!("{taken:?} but {whole:?}: {payload:?}"),
    }
}
