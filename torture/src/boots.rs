//! Makes a snapshot file look as if it were from before a reboot.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;

use flagstaff_format::layout::word;
use flagstaff_format::{BootId, Header};

/// Puts the boot id of another boot into a file.
pub fn make_old(path: &Path) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(0o640))?;
    let file = File::options().read(true).write(true).open(path)?;
    let mut created_at = [0; 8];
    file.read_exact_at(&mut created_at, word::CREATED_AT as u64 * 8)?;
    let mut header = Header::now([0; 32]);
    (header.created_at, header.boot) = (u64::from_le_bytes(created_at), BootId([0xb007, 1]));
    let bytes: Vec<u8> = header.words().iter().flat_map(|word| word.to_le_bytes()).collect();
    file.write_all_at(&bytes, 0)
}
