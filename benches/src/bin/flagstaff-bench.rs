//! The benchmark program: measures ourselves beside the rivals. `cargo xtask bench` builds and runs it.

use std::io::Write;
use std::process::ExitCode;

use flagstaff_benches::program;

fn main() -> ExitCode {
    match program::main(std::env::args_os().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell if this fails.
            let _ = writeln!(std::io::stderr(), "flagstaff-bench: {error}");
            ExitCode::FAILURE
        }
    }
}
