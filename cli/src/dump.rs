//! `flagstaff dump`: prints all flags.

use clap::Args;
use flagstaff_format::is_printable;

use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::snapshot_args::SnapshotArgs;

const EXAMPLES: &str = "\
Examples:
  flagstaff dump --file /run/flags.flagstaff
  flagstaff dump | jq -r 'keys[]'
  flagstaff dump --file /run/flags.flagstaff | flagstaff publish - --file /tmp/mine/flags.flagstaff";

/// Print all flags of one generation as a JSON object, sorted by key
///
/// One flag per line on a terminal, else everything on one line. Integers and nested values are exact, so that the output can be
/// published again.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Dump {
    /// Everything on one line, also on a terminal; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    /// One flag per line, also without a terminal
    #[arg(long, conflicts_with = "json")]
    pretty: bool,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

impl Dump {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let reader = self.snapshot.open()?;
        let snapshot = reader.snapshot();
        if snapshot.generation().0 == 0 {
            return Err(Failure::NothingPublished { path: reader.path().to_owned() });
        }
        let mut flags: Vec<_> = snapshot.iter().collect();
        flags.sort_by(|(a, _), (b, _)| a.cmp(b));
        let pretty = self.pretty || (!self.json && Output::is_terminal());
        let (before, colon, end) = if pretty { ("\n  ", ": ", "\n}") } else { ("", ":", "}") };
        let mut output = Output::lock();
        output.text("{")?;
        for (i, (key, value)) in flags.iter().enumerate() {
            output.text(if i == 0 { "" } else { "," })?;
            output.text(before)?;
            let (key, value) = (serde_json::to_string(key)?, json::text(value)?);
            output.text(&if pretty { escaped(&key) } else { key })?;
            output.text(colon)?;
            output.text(&if pretty { escaped(&value) } else { value })?;
        }
        output.line(if flags.is_empty() { "}" } else { end })?;
        output.flush()
    }
}

/// The same JSON for a terminal: control characters and invisible ones as escapes. They only occur in strings, where JSON allows
/// escapes.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_printable(c) {
            text.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| text.push_str(&format!("\\u{unit:04x}")));
        }
    }
    text
}
