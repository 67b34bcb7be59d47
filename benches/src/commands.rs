//! Whole processes of the command `flagstaff`, as a shell or a health probe starts them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Outcome;
use crate::flags::{booleans, keys, publish};
use crate::record::Sheet;
use crate::scale::Scale;
use crate::timing::median;

/// Names the program, as it does for tests.
const BINARY: &str = "FLAGSTAFF_BIN";

/// Runs each command many times, one after the other in turn.
pub(crate) fn measure(sheet: &mut Sheet, folder: &Path, scale: &Scale) -> Outcome<()> {
    let program = std::env::var_os(BINARY).map_or_else(beside_this, |path| Ok(path.into()))?;
    if !program.exists() {
        sheet.note(format!("Not measured: there is no {}; {BINARY} names one.", program.display()));
        return Ok(());
    }
    for count in [1_000, 50_000] {
        let path = folder.join(format!("commands-{count}.flagstaff"));
        let _publisher = publish(&path, &booleans(count))?;
        let key = &keys(1)[0];
        let commands: [(&str, Vec<OsString>); 2] =
            [("status", vec!["status".into()]), ("get KEY", vec!["get".into(), key.into()])];
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..scale.turns {
            for ((name, arguments), times) in commands.iter().zip(&mut times) {
                let mut command = Command::new(&program);
                command.args(arguments).arg("--file").arg(&path).stdout(Stdio::null());
                let begun = Instant::now();
                let status = command.status()?;
                times.push(begun.elapsed().as_secs_f64() * 1e3);
                if !status.success() {
                    return Err(format!("flagstaff {name} ended with {status}").into());
                }
            }
        }
        for ((name, _), times) in commands.into_iter().zip(times) {
            sheet.sized(format!("`flagstaff {name}`, whole process"), count, median(times), "ms");
        }
    }
    Ok(())
}

/// Where the same build puts it.
fn beside_this() -> Outcome<PathBuf> {
    Ok(std::env::current_exe()?.with_file_name("flagstaff"))
}
