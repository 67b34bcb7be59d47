//! What is on a disk after a power loss, as files.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use flagstaff_format::layout::{MAGIC, word};
use flagstaff_format::{BootId, Header};

use crate::machine::{Machine, Object, PAGE, Page, SECTOR};

/// How the work of the publisher ended, and what is left of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The process was killed; the machine goes on and everything is there.
    Killed,
    /// The power failed after everything had reached the disk.
    All,
    /// The power failed and nothing had that was not synced.
    Nothing,
    /// The power failed. Of each page one of its versions is on the disk.
    Pages,
    /// The power failed. Of each sector one of its versions is on the disk.
    Sectors,
}

impl Cut {
    pub(crate) const ALL: [Cut; 6] =
        [Cut::Killed, Cut::All, Cut::Nothing, Cut::Pages, Cut::Sectors, Cut::Sectors];
}

/// The boot before the power failed.
const BEFORE: BootId = BootId([0xb007, 1]);

/// Writes the files of `machine` under their names into `folder`.
pub(crate) fn build(machine: &Machine, cut: Cut, random: &mut Rng, folder: &Path) {
    let names = match cut {
        Cut::Killed | Cut::All => machine.now(),
        Cut::Nothing => &machine.names[0],
        Cut::Pages | Cut::Sectors => &machine.names[random.usize(..machine.names.len())],
    };
    let mut made: HashMap<usize, PathBuf> = HashMap::new();
    for (path, object) in names {
        let path = folder.join(path.file_name().unwrap());
        match made.get(object) {
            // One file by two names.
            Some(other) => fs::hard_link(other, path).unwrap(),
            None => {
                write(&machine.objects[*object], cut, random, &File::create(&path).unwrap());
                made.insert(*object, path);
            }
        }
    }
}

/// Removes what an image left.
pub(crate) fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
}

fn write(object: &Object, cut: Cut, random: &mut Rng, file: &File) {
    let length = object.lengths[choose(cut, random, object.lengths.len())];
    file.set_len(length).unwrap();
    for (number, page) in &object.pages {
        if number * PAGE as u64 >= length {
            continue;
        }
        let mut bytes = page.versions[choose(cut, random, page.versions.len())].clone();
        if cut == Cut::Sectors && page.versions.len() > 1 {
            for sector in 0..PAGE / SECTOR {
                let range = sector * SECTOR..(sector + 1) * SECTOR;
                let version = &page.versions[random.usize(..page.versions.len())];
                bytes[range.clone()].copy_from_slice(&version[range]);
            }
        }
        if *number == 0 && cut != Cut::Killed {
            reboot(&mut bytes);
        }
        if bytes.iter().any(|byte| *byte != 0) {
            file.write_all_at(bytes.as_slice(), number * PAGE as u64).unwrap();
        }
    }
}

fn choose(cut: Cut, random: &mut Rng, versions: usize) -> usize {
    match cut {
        Cut::Killed | Cut::All => versions - 1,
        Cut::Nothing => 0,
        Cut::Pages | Cut::Sectors => random.usize(..versions),
    }
}

/// Puts another boot id into a header, where there is one.
pub(crate) fn reboot(page: &mut Page) {
    let word_at = |at: usize| u64::from_le_bytes(*page[at * 8..].first_chunk().unwrap());
    if word_at(word::MAGIC) != MAGIC {
        return;
    }
    let mut header = Header::now([0; 32]);
    header.created_at = word_at(word::CREATED_AT);
    header.boot = BEFORE;
    for (bytes, word) in page.as_chunks_mut::<8>().0.iter_mut().zip(header.words()) {
        *bytes = word.to_le_bytes();
    }
}
