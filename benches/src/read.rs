//! One thread: keyed reads and handles beside a private map and a bare load.

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use vexil_publisher::{Options, Publisher};
use vexil_reader::{Key, Reader};

use crate::figure::Figure;
use crate::flags::{booleans, keys, queries};
use crate::timing::contest;

/// `get_bool` at several sizes, hit and miss, and handles.
pub fn figures(folder: &Path) -> Result<Vec<Figure>, Box<dyn std::error::Error>> {
    let mut figures = Vec::new();
    for count in [100, 1_000, 10_000, 100_000] {
        let path = folder.join(format!("read-{count}.vexil"));
        let mut publisher = Publisher::open(&path, &Options::default())?;
        let _ = publisher.publish(&booleans(count))?;
        let reader = Reader::open(&path)?;
        let keys = keys(count);
        let map: HashMap<String, bool, foldhash::fast::RandomState> =
            keys.iter().enumerate().map(|(i, key)| (key.clone(), i % 2 == 0)).collect();
        let hits = queries(&keys);
        let misses = queries(&keys.iter().map(|key| format!("{key}x")).collect::<Vec<_>>());
        for (what, queries, limit) in [("hit", &hits, Some(1.0)), ("miss", &misses, None)] {
            let prepared: Vec<Key<'_>> = queries.iter().map(|key| Key::new(key)).collect();
            let times = contest(
                queries,
                31,
                &mut [
                    &mut |queries| {
                        queries
                            .iter()
                            .map(|key| u64::from(map.get(key.as_str()).copied().unwrap_or(false)))
                            .sum()
                    },
                    &mut |queries| queries.iter().map(|key| u64::from(reader.get_bool(key.as_str()))).sum(),
                    &mut |_| prepared.iter().map(|key| u64::from(reader.get_bool(key))).sum(),
                ],
            );
            let name = |call: &str| format!("{call} {what}, {count} flags");
            figures.push(Figure::new(name("`HashMap` (foldhash), unsynchronised,"), times[0], "ns"));
            figures.push(Figure::new(name("`get_bool(&str)`"), times[1], "ns"));
            let ratio = Figure::new(name("`get_bool(&str)` / `HashMap`,"), times[1] / times[0], "ratio");
            figures.push(match limit.filter(|_| count == 1_000) {
                Some(limit) => ratio.at_most(limit),
                None => ratio,
            });
            figures.push(Figure::new(
                name("`get_bool(Key)` / `get_bool(&str)`,"),
                times[2] / times[1],
                "ratio",
            ));
        }
        if count == 1_000 {
            figures.extend(handles(&reader, &keys));
        }
    }
    Ok(figures)
}

fn handles(reader: &Reader, keys: &[String]) -> Vec<Figure> {
    let bool_flag = reader.bool_flag(&keys[0]);
    let number_flag = reader.number_flag(&keys[0]);
    let bare = AtomicU64::new(1);
    // Each answer is used, as a caller would: else the compiler unrolls the loop of bare loads to what no program does.
    let turns = vec![String::new(); 65_536];
    let times = contest(
        &turns,
        31,
        &mut [
            &mut |turns| turns.iter().map(|_| black_box(black_box(&bare).load(Ordering::Relaxed))).sum(),
            &mut |turns| turns.iter().map(|_| u64::from(black_box(black_box(&bool_flag).get()))).sum(),
            &mut |turns| turns.iter().map(|_| black_box(black_box(&number_flag).get()) as u64).sum(),
        ],
    );
    vec![
        Figure::new("one relaxed atomic load", times[0], "ns"),
        Figure::new("`BoolFlag::get`", times[1], "ns"),
        Figure::new("`BoolFlag::get` / load", times[1] / times[0], "ratio").at_most(2.5),
        Figure::new("`NumberFlag::get` / load", times[2] / times[0], "ratio"),
    ]
}
