//! Bytes of a fuzzer as edits of a snapshot file: part, place, length, bytes. A part above 127 has its checksum put right.

use flagstaff_format::layout::Area;

use crate::stage::Stage;

/// Makes the edits one by one, and calls `after` behind each.
pub(crate) fn apply(stage: &Stage, mut data: &[u8], mut after: impl FnMut()) {
    while let [part, low, high, count, rest @ ..] = data {
        let (bytes, left) = rest.split_at(rest.len().min(usize::from(*count) % 16 + 1));
        data = left;
        let number = usize::from(*part & 0x7f) % 5;
        stage.write(number, usize::from(u16::from_le_bytes([*low, *high])), bytes);
        if let (true, Some(area)) = (*part > 127, number.checked_sub(1)) {
            stage.put_checksum_right(Area::ALL[area]);
        }
        after();
    }
}
