//! Whether there is memory for a copy: a failed allocation would abort the process.

use flagstaff_format::Damage;
use flagstaff_format::layout::Area;
use flagstaff_format::{Archive, Mapping, copy_current, frame_of, newest};

/// As [`newest`], and `None` too if there is no memory for it.
pub(crate) fn newest_that_fits(map: &Mapping) -> Option<Archive> {
    if has_room_for_copy(map) { newest(map).map(|(_, archive)| archive) } else { None }
}

/// As [`copy_current`]. The outer `None`: there is no memory for it.
pub(crate) fn current_that_fits(map: &Mapping) -> Option<Result<Option<Archive>, Damage>> {
    has_room_for_copy(map).then(|| copy_current(map))
}

/// Best effort: another thread may take the memory that was there.
fn has_room_for_copy(map: &Mapping) -> bool {
    let bytes = |area| frame_of(map, area).map_or(0, |frame| frame.archive_bytes);
    let most = Area::ALL.into_iter().map(bytes).max().unwrap_or(0);
    // Reserved and not touched, so no memory is used.
    usize::try_from(most).is_ok_and(|most| Vec::<u8>::new().try_reserve_exact(most).is_ok())
}
