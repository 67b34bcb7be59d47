//! `flagstaff get`: the value of one flag.

use clap::{Args, ValueEnum};
use flagstaff_publisher::payload::{Limits, decode};
use flagstaff_reader::{Reader, Value};

use crate::failure::Failure;
use crate::snapshot_args::SnapshotArgs;
use crate::suggest::closest;
use crate::{json, output};

const EXAMPLES: &str = "\
Examples:
  flagstaff get new-checkout --file /run/flags.flagstaff
  flagstaff get cart-limit --type number --default 50
  flagstaff get banner --default '\"hello\"'
  if [ \"$(flagstaff get new-checkout --default false)\" = true ]; then ...; fi";

/// Print the value of a flag
///
/// A text is printed as it is, everything else as JSON. Exit code 1 if there is no such flag and no default. Also prints values
/// that may be stale: `flagstaff status --check` tells.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Get {
    /// Key of the flag; put -- before one that starts with -
    key: String,

    /// Print this if the flag is missing or of another type, or if there is no snapshot
    #[arg(long, value_name = "JSON", allow_negative_numbers = true)]
    default: Option<String>,

    /// Type that the flag must have; another one counts as missing
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<Kind>,

    /// Print a text as JSON too, in quotes; errors as JSON on stderr
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    snapshot: SnapshotArgs,
}

/// The types of the readers' getters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Bool,
    Number,
    String,
    /// Object or array
    Json,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::Number => "number",
            Kind::String => "string",
            Kind::Json => "json",
        }
    }

    /// The rule of the readers' getters: none of them returns a number that no `f64` holds.
    fn has(self, value: &Value<'_>) -> bool {
        value.kind_name() == self.name() && !matches!(value, Value::HugeNumber(_))
    }
}

impl Get {
    pub(crate) fn run(self) -> Result<(), Failure> {
        let default = self.default.as_deref().map(|text| self.parse_default(text)).transpose()?;
        let found = match self.snapshot.open() {
            Ok(reader) => self.find(&reader),
            Err(failure) => Err(failure),
        };
        let value = match (found, default) {
            (Ok(value), _) => value,
            (Err(failure @ Failure::Open(_)), Some(default)) => {
                tracing::warn!(%failure, "prints the default");
                default
            }
            (Err(failure), Some(default)) if failure.is_missing_value() => default,
            (Err(failure), _) => return Err(failure),
        };
        match value {
            Value::String(text) if !self.json => output::line(&text),
            value => output::line(&json::text(&value)?),
        }
    }

    fn find(&self, reader: &Reader) -> Result<Value<'static>, Failure> {
        let Some(value) = reader.get(self.key.as_str()) else {
            let (generation, path) = (reader.generation(), reader.path().to_owned());
            return Err(if generation.0 == 0 {
                Failure::NothingPublished { path }
            } else {
                let close = match self.default {
                    None => closest(&self.key, reader.snapshot().iter().map(|(key, _)| key)),
                    Some(_) => Vec::new(),
                };
                Failure::NoFlag { key: self.key.clone(), generation, path, close }
            });
        };
        match self.kind {
            Some(kind) if !kind.has(&value) => {
                let found = if matches!(value, Value::HugeNumber(_)) {
                    "a number beyond the range of f64"
                } else {
                    value.kind_name()
                };
                Err(Failure::OtherKind { key: self.key.clone(), found, expected: kind.name() })
            }
            _ => Ok(value),
        }
    }

    fn parse_default(&self, text: &str) -> Result<Value<'static>, Failure> {
        let expected = match self.kind {
            None => "JSON; a text needs quotes of its own: '\"text\"'".to_owned(),
            Some(kind) => format!("a {} as JSON, to go with --type", kind.name()),
        };
        let bad = || Failure::BadOption { option: "--default", found: text.to_owned(), expected };
        // Decoded like a payload, so that a default is printed like a flag.
        let payload = format!("{{\"\":{text}}}");
        let value = decode(&payload, &Limits::default())
            .ok()
            .filter(|flags| flags.len() == 1)
            .and_then(|mut flags| flags.pop());
        match value {
            Some(flag) if self.kind.is_none_or(|kind| kind.has(&flag.value)) => Ok(flag.value.into_owned()),
            _ => Err(bad()),
        }
    }
}
