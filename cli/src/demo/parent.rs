//! The tie between a process of the demo and the demo: it does not live longer.

use std::io;
use std::str::FromStr;

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

use crate::failure::Failure;

/// Process id of the demo, as its children get it on the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ParentPid(Pid);

impl FromStr for ParentPid {
    type Err = String;

    fn from_str(text: &str) -> Result<ParentPid, String> {
        let pid = text.parse().ok().and_then(Pid::from_raw);
        pid.map(ParentPid).ok_or_else(|| "expected a process id".to_owned())
    }
}

impl ParentPid {
    /// From now on the kernel ends this process when the demo ends, however that happens.
    pub(crate) fn end_with_it(self) -> Result<(), Failure> {
        let failed = |source: io::Error| Failure::System { action: "tie this process to the demo", source };
        set_parent_process_death_signal(Some(Signal::TERM)).map_err(|error| failed(error.into()))?;
        // The demo may have ended before the call above.
        if getppid() == Some(self.0) { Ok(()) } else { Err(failed(io::Error::other("the demo has ended"))) }
    }
}
