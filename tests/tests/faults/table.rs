//! Rows 1 to 13 as a table: each case is a script of the service, or a way to it, and what must come of it. Every case is played
//! against the real program, and all of them end the same way: the last good flags are answered, memory is bounded, and where
//! the service is well again, so are the flags.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use flagstaff_tests::place::{KEY, Place};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::tls::{Authority, Identity, TlsFront};
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;

use crate::support::{place, retry_in};
use crate::table_rows::cases;

/// The rows that a service can cause.
const ROWS: std::ops::RangeInclusive<u32> = 1..=13;
/// Cases that run at the same time. They wait more than they work.
const AT_A_TIME: usize = 6;
/// Most memory that a publisher may ever have had, in KiB.
const MOST_MEMORY: u64 = 48 * 1024;

pub(crate) struct Case {
    pub(crate) row: u32,
    pub(crate) what: &'static str,
    pub(crate) service: Service,
    pub(crate) then: Then,
}

/// What the program finds at its base URL.
pub(crate) enum Service {
    /// The first connection gets this script.
    Script(Script),
    /// The same behind TLS, with a certificate of an authority that the program trusts, or not.
    Tls(fn(&Authority) -> Identity, Script),
    /// The script where the program expects a TLS handshake.
    NoTls(Script),
    /// Nothing that a script could play.
    Url(String),
    /// A redirect with this status to another service, where the script is played.
    Redirect(u16, Script),
}

/// What must come of it, beside the last flags.
pub(crate) enum Then {
    /// The log says this, and the next try comes after seconds in this range.
    Fails(&'static str, (f64, f64)),
    /// The payload is refused with this in the log, and the connection stays.
    Refuses(&'static str),
    /// The flag `n` is 2, by this connection.
    Takes,
    /// The flag `n` is 2, and that payload again changes nothing.
    TakesOnce,
}

/// Delays after a first failure, after one that needs a change, and after 204.
pub(crate) const SOON: (f64, f64) = (0.1, 2.0);
pub(crate) const SLOW: (f64, f64) = (48.0, 72.0);
pub(crate) const RARE: (f64, f64) = (240.0, 360.0);

#[test]
fn every_row_of_the_table_has_a_case_and_every_case_a_row() {
    let text = include_str!("../../../docs/reliability.md");
    let faults = text.split("\n## Faults\n").nth(1).unwrap();
    let numbers = faults.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next());
    let listed: Vec<u32> = numbers.filter_map(|number| number.parse().ok()).collect();
    let mut shown: Vec<u32> = cases().iter().map(|case| case.row).collect();
    shown.sort_unstable();
    shown.dedup();
    let of_a_service: Vec<u32> = listed.into_iter().filter(|row| ROWS.contains(row)).collect();
    assert_eq!(of_a_service, ROWS.collect::<Vec<_>>(), "the table");
    assert_eq!(shown, of_a_service, "rows with a case, and rows of the table");
}

#[test]
fn every_case_of_rows_1_to_13_leaves_good_flags_and_heals() {
    let cases = cases();
    let (next, failed) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    let take = || next.lock().unwrap().next();
    let played = Mutex::new(BTreeMap::<u32, usize>::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(case) = take() {
                    let name = format!("row {}: {}", case.row, case.what);
                    if catch_unwind(AssertUnwindSafe(|| play(case, &name))).is_err() {
                        failed.lock().unwrap().push(name);
                    }
                    *played.lock().unwrap().entry(case.row).or_default() += 1;
                }
            });
        }
    });
    eprintln!("cases played by row: {:?}", played.into_inner().unwrap());
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} failed: {failed:#?}", failed.len(), cases.len());
}

fn play(case: &Case, name: &str) {
    let (place, server, other) = (place(), FaultServer::start(), FaultServer::start());
    let authority = Authority::new();
    let roots = place.join("roots.pem");
    fs::write(&roots, authority.pem()).unwrap();
    let mut front = None;
    let url = match &case.service {
        Service::Script(script) => {
            server.queue(script.clone());
            server.url()
        }
        Service::Tls(identity, script) => {
            server.queue(script.clone());
            front.insert(TlsFront::start(server.address(), identity(&authority))).url()
        }
        Service::NoTls(script) => {
            server.always(script.clone());
            server.url().replace("http:", "https:")
        }
        Service::Url(url) => url.clone(),
        Service::Redirect(code, script) => {
            server.queue(Script::status(*code, &[("Location", &other.url())], ""));
            other.queue(script.clone());
            server.url()
        }
    };
    let mut command = place.run_command(&url);
    command.args(["--read-timeout", "3", "--root-certificates"]).arg(&roots);
    let publisher = Process::start(command);
    match case.then {
        Then::Fails(said, delay) => fails(name, &place, &publisher, said, delay),
        Then::Refuses(said) => {
            let (_, line) = publisher.expect_log(said);
            assert!(
                line.contains("payload refused") && line.contains("serving the last snapshot"),
                "{name}: {line}"
            );
            assert_eq!(place.get("n"), "1", "{name}");
            server.wait_for_streams(1, DEADLINE);
            server.publish(r#"{"n": 2}"#);
            place.wait_for_n(2);
            assert_eq!(server.requests().len(), 1, "{name}: a refused payload is no reason to connect anew");
        }
        Then::Takes => place.wait_for_n(2),
        Then::TakesOnce => {
            place.wait_for_n(2);
            server.wait_for_streams(1, DEADLINE);
            let word = place.generation_word();
            let age = || place.status()["contact_age"].as_f64();
            for again in [r#"{"n": 2}"#, r#"{"n": 2}"#] {
                wait_until("the contact is old enough to see a new one", DEADLINE, || age() > Some(0.5));
                assert_eq!(server.send_event(again), 1);
                wait_until("the contact is refreshed", DEADLINE, || age() < Some(0.5));
            }
            assert_eq!(place.generation_word(), word, "{name}");
        }
    }
    if let Service::Redirect(..) = case.service {
        assert_eq!(server.requests()[0].header("x-api-key"), Some(KEY), "{name}");
        assert!(!format!("{:?}", other.requests()).contains(KEY), "{name}");
    }
    let trusted = front.as_ref().is_none_or(|front| front.handshakes() > 0);
    if !trusted || matches!(case.service, Service::NoTls(_)) {
        assert!(server.requests().is_empty(), "{name}: the key went to somebody unknown");
    }
    if trusted && !matches!(case.service, Service::NoTls(_) | Service::Url(_)) {
        // The service is well again. Nobody has to wait for the next try.
        server.publish(r#"{"n": 3}"#);
        publisher.signal(Signal::HUP);
        place.wait_for_n(3);
    }
    let peak = publisher.memory("VmHWM");
    assert!(peak < MOST_MEMORY, "{name}: {peak} KiB");
    eprintln!("{name}: good, at most {:.1} MiB", peak as f64 / 1024.0);
}

#[track_caller]
fn fails(name: &str, place: &Place, publisher: &Process, said: &str, (from, to): (f64, f64)) {
    let (_, line) = publisher.expect_log(said);
    let level = if (from, to) == SLOW { "ERROR" } else { "WARN" };
    assert!(line.contains(level) && line.contains("no stream; serving the last snapshot"), "{name}: {line}");
    let delay = retry_in(&line).as_secs_f64();
    assert!((from..=to).contains(&delay), "{name}: {line}");
    let expected = if [SLOW, RARE].contains(&(from, to)) { "refused" } else { "retrying" };
    let status = place.status();
    let link = status["link"].as_str().unwrap();
    // After a short delay the next try may be under way already.
    let is_shown = link == expected || (to <= SOON.1 && ["connecting", "open"].contains(&link));
    assert!(is_shown && status["publisher"] == "alive", "{name}: {status}");
    assert_eq!(place.get("n"), "1", "{name}");
}
