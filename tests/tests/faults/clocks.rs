//! Row 31: publishers and readers whose clocks do not say the same.

use std::time::Duration;

use flagstaff_format::boot;
use flagstaff_tests::fork::{exit_code, fork};
use flagstaff_tests::namespace::shift_boot_clock_of_children;
use flagstaff_tests::place::{Place, answer};
use flagstaff_tests::process::Process;
use flagstaff_tests::server::FaultServer;
use flagstaff_tests::wait::{DEADLINE, wait_until};

use crate::support::in_namespace;

/// A time namespace whose machine seems to run for three years already.
const YEARS_AHEAD: &str = "--time --boottime 100000000 --monotonic 100000000";

/// Another one, with less than that.
const DAYS_AHEAD: &str = "--time --boottime 300000 --monotonic 50";

const RUN: &str = "exec \"$0\" \"$@\"";

/// `flagstaff status --json`, said by a process with other clocks.
fn status_in(flags: &str, place: &Place) -> Option<serde_json::Value> {
    let mut command = in_namespace(flags, RUN)?;
    let status = place.flagstaff("status");
    command.arg(status.get_program()).args(status.get_args()).arg("--json");
    let answer = answer(command);
    Some(serde_json::from_str(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {answer:?}")))
}

#[track_caller]
fn assert_lives(status: &serde_json::Value, who: &str) {
    assert_eq!((&status["publisher"], &status["stale"]), (&"alive".into(), &false.into()), "{who}: {status}");
    for age in ["contact_age", "link_age", "publisher_uptime"] {
        let seconds = status[age].as_f64();
        assert!(seconds.is_some_and(|seconds| (0.0..300.0).contains(&seconds)), "{who}: {age}: {status}");
    }
}

/// Symptom: a publisher in a time namespace was shown as stopped, or as gone for 1157 days, and its flags as stale. Cause: the
/// kernel shifts the boot clock for each such namespace, and the words in the file were in the clock of whoever wrote them. Fix:
/// the clock of the host is the file's.
#[test]
fn row_31_a_publisher_is_alive_for_readers_in_every_time_namespace_whatever_its_own_is() {
    let server = FaultServer::start();
    server.publish(r#"{"n": 1}"#);
    for of_publisher in [Some(YEARS_AHEAD), Some(DAYS_AHEAD), None] {
        let place = Place::new();
        let run = place.run_command(&server.url());
        let command = match of_publisher.map(|flags| in_namespace(flags, RUN)) {
            None => run,
            Some(None) => return,
            Some(Some(mut command)) => {
                command.arg(run.get_program()).args(run.get_args());
                command
            }
        };
        let mut publisher = Process::start(command);
        place.wait_for_n(1);
        wait_until("the link is open", DEADLINE, || place.status()["link"] == "open");
        assert_lives(&place.status(), &format!("publisher {of_publisher:?}, reader of the host"));
        for of_reader in [YEARS_AHEAD, DAYS_AHEAD] {
            let status = status_in(of_reader, &place).unwrap();
            assert_lives(&status, &format!("publisher {of_publisher:?}, reader {of_reader:?}"));
            // From /proc, which shows the clock of whoever looks.
            let uptime = status["publisher_process"]["uptime"].as_f64();
            assert!(uptime.is_none_or(|uptime| uptime < 300.0), "{of_reader:?}: {status}");
        }
        publisher.kill();
    }
}

/// A prefork server may give its children clocks of their own. What the parent knew of its clock is not true for them.
#[test]
fn row_31_a_child_that_is_forked_into_a_time_namespace_asks_for_its_clock_again() {
    let before = boot::now();
    if !shift_boot_clock_of_children(7_654_321) {
        return;
    }
    let close = |now: Duration| (before..before + Duration::from_secs(300)).contains(&now);
    assert!(close(boot::now()), "the namespace is that of the children only");
    let child = fork(|| {
        assert!(
            boot::in_namespace() > before + Duration::from_secs(7_654_000),
            "the kernel shifts the clock"
        );
        assert!(close(boot::now()), "{:?} after {before:?}", boot::now());
        let grandchild = fork(|| assert!(close(boot::now()), "{:?} after {before:?}", boot::now()));
        assert_eq!(exit_code(grandchild), Some(0));
    });
    assert_eq!(exit_code(child), Some(0));
    assert!(close(boot::now()));
}
