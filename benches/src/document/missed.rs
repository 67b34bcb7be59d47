//! Why a goal is missed, where one is. A miss that nobody has a reason for is said as well.

use super::figures::Figure;

/// What the figures begin with, and the reason with the measurement that shows it.
const REASONS: [(&str, &str); 11] = [
    (
        "Flagstaff `get_bool(&str)` /",
        "what is left of a look-up is hashing and comparing, and keys of over 48 bytes mispredict a branch; with 100,000 flags both \
         sides wait for memory, and the ratio is that of their cache misses on this machine. See the note under \"Reading, one thread\".",
    ),
    (
        "`get_bool(&Key)` /",
        "a hash that was made before saves 55 of 138 instructions (benches/instructions.txt); with few flags the \
         rest, which both share, is all in the cache and weighs more.",
    ),
    (
        "reads of two processes / of one",
        "there are two cores for two readers and a publisher. The private map beside it, which shares nothing, loses as much; \
         processor time per read does not grow. See \"Many processes\".",
    ),
    (
        "p99.9 of a read",
        "the first read of each flag after a publish is a cache miss, because another core has just written its record: 1,000 \
         flags 1,000 times a second are more than one read of a hundred. With 100 flags the goal is reached in the same run, \
         and a private map, whose data never changes, shows nothing. See \"First reads after a publish\".",
    ),
    (
        "`Reader::open` and first read",
        "12 system calls (`strace`: open, examine twice, two maps, two advices, and the boot id, which is a file of the kernel's), and a page \
         fault for each page that is touched, on a virtual machine; the checksum takes 3 us of it (\"Publishing, phase by phase\").",
    ),
    (
        "`BoolFlag::get` /",
        "17 instructions, loop included (benches/instructions.txt), beside a load that this machine does in one cycle; the same \
         code took 1.3 to 1.5 loads in an earlier run on another one. Its absolute time is under \"Handles\".",
    ),
    ("`NumberFlag::get` /", "as for `BoolFlag::get`, with 26 instructions."),
    (
        "Python `get_bool",
        "an absolute time, on a machine whose `dict.get` takes as long as the table says, instead of the 14 to 23 ns of the \
         machine that the goal is from. The ratios beside soasap and `dict.get` are reached.",
    ),
    (
        "16 Gunicorn workers: memory",
        "what 16 forked interpreters dirty of their own pages while they run differs by 10 MiB from run to run, with the same \
         build; flags themselves are in memory once (\"Memory\").",
    ),
    (
        "click on the page",
        "the browser takes 2 ms before it tells the page of the click, on two cores beside publisher, server and reader; from then on \
         it is below 5 ms, and the same change by a plain HTTP request takes a third (both in the same run).",
    ),
    (
        "publish, bytes to visible",
        "with few flags the fixed part (reserve, flip, wake) weighs more; see \"Publishing, phase by phase\".",
    ),
];

/// A list of what is missed with its reasons.
pub(super) fn missed(out: &mut String, figures: &[&Figure<'_>]) {
    let mut lines: Vec<String> = Vec::new();
    for figure in figures.iter().filter(|figure| figure.is_missed()) {
        let reason = REASONS.iter().find(|(start, _)| figure.what.starts_with(start));
        let line = match reason {
            Some((start, reason)) => format!("- {start} ..: {reason}"),
            None => format!("- {}: no reason is known.", figure.what),
        };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    if !lines.is_empty() {
        *out += "\nWhere a goal is missed:\n\n";
        *out += &lines.join("\n");
        out.push('\n');
    }
}
