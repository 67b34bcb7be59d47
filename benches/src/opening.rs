//! A fresh process: open and first read, checksum included.

use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::flags::{booleans, keys, publish};
use crate::record::Sheet;
use crate::scale::Scale;
use crate::timing::median;

/// Opens in many fresh processes of `flagstaff-open-once`, which lies beside this program.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    let program = std::env::current_exe()?.with_file_name("flagstaff-open-once");
    for count in [1_000, 50_000] {
        let path = folder.join(format!("open-{count}.flagstaff"));
        let _publisher = publish(&path, &booleans(count))?;
        let mut times = Vec::new();
        for _ in 0..scale.turns {
            let output = Command::new(&program).arg(&path).arg(&keys(1)[0]).output();
            let output = output.map_err(|error| format!("cannot start {}: {error}", program.display()))?;
            if !output.status.success() {
                return Err(
                    format!("{}: {}", program.display(), String::from_utf8_lossy(&output.stderr)).into()
                );
            }
            times.push(String::from_utf8(output.stdout)?.trim().parse::<f64>()?);
        }
        let what = "`Reader::open` and first read in a fresh process";
        sheet.sized(what, count, median(times), "us");
    }
    Ok(())
}
