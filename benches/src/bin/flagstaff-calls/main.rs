//! Makes one call many times, to be run under an instruction counter.

use std::io::Write;

mod calls;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["names"] => Ok(writeln!(std::io::stdout(), "{}", calls::NAMES.join("\n"))?),
        ["prepare", path] => calls::prepare(path.as_ref()),
        [name, count, path] => calls::make(name, count.parse()?, path.as_ref()),
        _ => Err("use: flagstaff-calls names | prepare PATH | NAME COUNT PATH".into()),
    }
}
