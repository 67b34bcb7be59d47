//! Publishers killed at named steps, see [`crate::steps`].

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::context::{Context, PATIENCE};
use crate::problem::{Problem, fail};
use crate::process_numbers::percentile;
use crate::steady;

/// Longest median time until the next publisher has published. A single try may be held up by a disk.
const TAKE_OVER: Duration = Duration::from_secs(1);

pub(super) fn check(context: &mut Context<'_>) -> Result<(), Problem> {
    let mut steps = all(context)?;
    let count = steps.len();
    context.random.shuffle(&mut steps);
    let mut times = Vec::new();
    for step in &steps {
        if !context.goes_on() && !times.is_empty() {
            break;
        }
        times.push(kill_at(context, step, times.len())?.as_millis() as u64);
    }
    let (half, most) = (percentile(&mut times, 50), percentile(&mut times, 100));
    context.did(format!(
        "{} publishers killed at {} of their {count} steps; the next one had published after {half} ms (median), {most} ms (slowest)",
        times.len(),
        times.len()
    ));
    if times.len() < count {
        context.note(format!("{} steps were not tried; give more --seconds", count - times.len()));
    }
    if Duration::from_millis(half) > TAKE_OVER {
        context.found(format!(
            "the next publisher had published after {half} ms, expected at most {TAKE_OVER:?}"
        ));
    }
    Ok(())
}

/// A folder with a cache of the SDK to start from.
fn folder(context: &Context<'_>, name: &str) -> Result<PathBuf, Problem> {
    let folder = context.folder.join(name);
    fs::create_dir(&folder).map_err(Problem::file("make the folder", &folder))?;
    let cache = folder.join("cache.json");
    fs::write(&cache, steady::payload(1, 10)).map_err(Problem::file("write", &cache))?;
    Ok(folder.join("flags.flagstaff"))
}

/// The steps of an undisturbed publisher.
fn all(context: &Context<'_>) -> Result<Vec<String>, Problem> {
    let path = folder(context, "all")?;
    let publisher = context.launcher.start("steps", &path, &[])?;
    let said = context.end_later("an undisturbed publisher", publisher)?;
    let steps: Vec<String> =
        said.lines().filter_map(|line| Some(line.strip_prefix("step ")?.to_owned())).collect();
    if steps.is_empty() {
        fail!("an undisturbed publisher listed no steps; output: {said}");
    }
    Ok(steps)
}

/// Returns the time from the death to the next publish.
fn kill_at(context: &Context<'_>, step: &str, number: usize) -> Result<Duration, Problem> {
    let path = folder(context, &number.to_string())?;
    let reader = context.launcher.start("steady", &path, &[])?;
    reader.line("ready", PATIENCE)?;
    let mut publisher = context.launcher.start("steps", &path, &[step, "kill"])?;
    let status = publisher.wait(PATIENCE)?;
    if status.signal() != Some(9) {
        let said = publisher.stdout() + &publisher.stderr();
        fail!("a publisher that should die at {step:?} ended with {status}: {said}");
    }
    let died = Instant::now();
    let next = context.launcher.start("succeed", &path, &[])?;
    let (at, _) = next.line("published", PATIENCE)?;
    let at_step = |problem| Problem::Found(format!("after a death at {step:?}: {problem}"));
    reader.line("n=1000", PATIENCE).map_err(at_step)?;
    context.end("a reader", reader).map_err(at_step)?;
    context.end("the next publisher", next).map_err(at_step)?;
    let folder = path.with_file_name("");
    fs::remove_dir_all(&folder).map_err(Problem::file("remove", &folder))?;
    Ok(at - died)
}
