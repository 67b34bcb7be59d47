//! `flagstaff show`: the flags of one snapshot of the history.

use clap::Args;

use super::which::of_history;
use crate::failure::Failure;
use crate::output::Output;
use crate::show;
use crate::snapshot_args::SnapshotArgs;

const EXAMPLES: &str = "\
Examples:
  flagstaff show 17               all flags, as JSON that can be published again
  flagstaff show 17 new-checkout  the value of one flag, as JSON
  flagstaff show 17 | flagstaff publish - --file /run/other.flagstaff";

/// Print the flags of a snapshot that readers had before, as JSON
///
/// `flagstaff log` lists the numbers. Exit code 1 if it has no such flag.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Show {
    /// The number in `flagstaff log`
    #[arg(value_name = "N")]
    number: u64,

    /// One flag
    key: Option<String>,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

impl Show {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let flags = of_history(&self.snapshot.path()?, self.number)?;
        let printable =
            |json: &str| if Output::is_terminal() { show::harmless(json) } else { json.to_owned() };
        let mut output = Output::lock();
        if let Some(key) = self.key {
            let value = flags.get(&key).ok_or(Failure::NotInSnapshot { key, number: self.number })?;
            output.line(&printable(value.get()))?;
            return output.flush();
        }
        output.text("{")?;
        for (at, (key, value)) in flags.iter().enumerate() {
            output.text(if at == 0 { "\n  " } else { ",\n  " })?;
            output.text(&printable(&format!("{}: {}", serde_json::to_string(key)?, value.get())))?;
        }
        output.line(if flags.is_empty() { "}" } else { "\n}" })?;
        output.flush()
    }
}
