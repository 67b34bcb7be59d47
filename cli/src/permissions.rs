//! Options for who may read a snapshot file and who may publish to it.

use clap::Args;
use flagstaff_publisher::PublisherOptions;
use flagstaff_publisher::lock::LockMode;

#[derive(Debug, Args)]
#[command(next_help_heading = "Permissions")]
pub(crate) struct Permissions {
    /// Permission bits of a new snapshot file [default: 0440, with --lock-group 0660]
    #[arg(long, value_name = "OCTAL", value_parser = parse_mode)]
    mode: Option<u32>,

    /// Members of the file's group may publish too. The snapshot file must be writable by the group as well: a new one is, unless
    /// --mode says otherwise; an existing one keeps its bits
    #[arg(long)]
    lock_group: bool,
}

impl Permissions {
    pub(crate) fn options(&self) -> PublisherOptions {
        let (lock, mode) = if self.lock_group { (LockMode::Group, 0o660) } else { (LockMode::Owner, 0o440) };
        PublisherOptions::default().file_mode(self.mode.unwrap_or(mode)).lock_mode(lock)
    }
}

/// Readers refuse a file that everybody may write to, so this refuses such a mode.
fn parse_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode & !0o664 == 0 && mode & 0o400 != 0 => Ok(mode),
        _ => Err(
            "expected octal permission bits such as 0440 or 0444, readable by the owner, not writable by all"
                .to_owned(),
        ),
    }
}
