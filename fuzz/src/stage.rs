//! A snapshot file to be edited, made once per thread.

use std::cell::OnceCell;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::PathBuf;

use flagstaff_format::layout::{Area, FRAME_BYTES, HEADER_BYTES};
use flagstaff_format::{Archive, Facts, Flag, Frame, Generation, Value, Writer, WriterOptions, checksum};
use flagstaff_reader::Reader;
use flagstaff_torture::KEYS;
use tempfile::TempDir;

/// Bytes of each area that are kept, and so put back.
const KEPT: usize = 16 * 1024;

/// Every call of a reader, with these keys.
pub(crate) fn every_call(reader: &Reader) {
    let flags = flagstaff_torture::every_call(reader, &KEYS);
    // Whoever puts checksums right can say that there are more or fewer than are there; not more than have room.
    assert!(flags < 10_000, "{flags} flags");
}

thread_local! {
    static STAGE: OnceCell<Stage> = const { OnceCell::new() };
}

/// The file, and what it held at first.
#[derive(Debug)]
pub(crate) struct Stage {
    folder: TempDir,
    file: File,
    parts: Vec<(u64, Vec<u8>)>,
}

impl Stage {
    /// The file of this thread.
    pub(crate) fn with(run: impl FnOnce(&Stage)) {
        STAGE.with(|stage| run(stage.get_or_init(Stage::new)));
    }

    fn new() -> Stage {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let path = folder.path().join("flags.flagstaff");
        let mut writer = Writer::open(&path, &WriterOptions::default()).unwrap().writer;
        let mut checkpoints = writer.checkpoints().unwrap();
        for n in 1..=3 {
            let mut archive = archive(n);
            writer.publish(&mut archive).unwrap();
            checkpoints.write(&archive).unwrap();
        }
        drop((writer, checkpoints));
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let starts = [(0, HEADER_BYTES as usize)];
        let areas = Area::ALL.map(|area| (area.offset(), KEPT));
        let read = |(at, bytes): &(u64, usize)| {
            let mut part = vec![0; *bytes];
            file.read_exact_at(&mut part, *at).unwrap();
            (*at, part)
        };
        let parts = starts.iter().chain(&areas).map(read).collect();
        Stage { folder, file, parts }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("flags.flagstaff")
    }

    /// Takes bytes of a fuzzer as edits: part, place, length, bytes. A part above 127 has its checksum put right. Calls `after`
    /// behind each.
    pub(crate) fn edit(&self, mut data: &[u8], mut after: impl FnMut()) {
        while let [part, low, high, count, rest @ ..] = data {
            let (bytes, left) = rest.split_at(rest.len().min(usize::from(*count) % 16 + 1));
            data = left;
            let number = usize::from(*part & 0x7f) % 5;
            self.write(number, usize::from(u16::from_le_bytes([*low, *high])), bytes);
            if let (true, Some(area)) = (*part > 127, number.checked_sub(1)) {
                self.put_checksum_right(Area::ALL[area]);
            }
            after();
        }
    }

    /// Writes to the header (0) or an area (1 to 4), inside of what is put back.
    fn write(&self, part: usize, at: usize, bytes: &[u8]) {
        let (start, kept) = &self.parts[part % self.parts.len()];
        let at = at % kept.len();
        let count = bytes.len().min(kept.len() - at);
        self.file.write_all_at(&bytes[..count], start + at as u64).unwrap();
    }

    /// Makes the frame of an area agree with whatever archive is behind it now.
    fn put_checksum_right(&self, area: Area) {
        let mut bytes = [0; FRAME_BYTES as usize];
        self.file.read_exact_at(&mut bytes, area.offset()).unwrap();
        let words = std::array::from_fn(|i| u64::from_le_bytes(*bytes[i * 8..].first_chunk().unwrap()));
        let Ok(mut frame) = Frame::parse(&words) else { return };
        let mut archive = vec![0; (frame.archive_bytes as usize).min(KEPT)];
        self.file.read_exact_at(&mut archive, area.offset() + FRAME_BYTES).unwrap();
        frame.checksum = checksum(&archive);
        let bytes: Vec<u8> = frame.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        self.file.write_all_at(&bytes, area.offset()).unwrap();
    }

    /// As it was at first.
    pub(crate) fn put_back(&self) {
        for (at, bytes) in &self.parts {
            self.file.write_all_at(bytes, *at).unwrap();
        }
    }
}

fn archive(n: i64) -> Archive {
    let values = [
        Value::Bool(true),
        Value::I64(n),
        Value::F64(0.5),
        Value::String("a text that takes more than one word".into()),
        Value::Json("{\"a\":[1,2,null]}".into()),
        Value::String("x".repeat(3000).into()),
    ];
    let flags: Vec<_> =
        KEYS.iter().zip(values).map(|(key, value)| Flag { key: (*key).into(), value }).collect();
    Archive::build(&flags, Generation(1), Facts::default()).unwrap()
}
