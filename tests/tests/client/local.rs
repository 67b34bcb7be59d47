//! What a host decides by itself, where elected clients publish: the guard, overrides, and commands that reach whoever leads.

use std::time::{Duration, Instant};

use flagstaff_tests::place::Place;
use flagstaff_tests::process::Process;
use flagstaff_tests::wait::{DEADLINE, wait_until};

use crate::support::{LEADS, median, role, server};

const NOTHING: [&str; 0] = [];

fn payload(n: u64) -> String {
    let more: Vec<_> = (0..30).map(|i| format!("\"flag-{i}\":{i}")).collect();
    format!("{{\"n\":{n},{}}}", more.join(","))
}

#[track_caller]
fn set_n(place: &Place, value: &str, time: &str) {
    let answer = place.answer("override", ["n", value, "--for", time, "--reason", "INC-7"]);
    assert_eq!(answer.code, 0, "{answer:?}");
}

/// The service empties every host, somebody forces a flag, the leader is killed, the service is gone, and comes back.
#[test]
fn a_night_from_the_first_wrong_payload_to_the_last_override_is_seen_alike_by_all_processes() {
    let (place, server) = (Place::new(), server());
    server.publish(&payload(1));
    let mut leader = role("client-watch", &place, &server, 0);
    leader.expect_line("n=1");
    leader.expect_log(LEADS);
    let mut next = role("client-watch", &place, &server, 0);
    next.expect_line("n=1");
    let reader = place.reader();
    let long_lived = reader.get_i64("n");
    assert_eq!(long_lived, 1);
    let everybody = |leader: &Process, next: &Process, line: &str| {
        leader.expect_line(line);
        next.expect_line(line);
    };

    // Held: nobody sees it.
    server.publish("{}");
    leader.expect_line("error: parser: payload held");
    wait_until("the hold", DEADLINE, || place.status()["behind"]["kind"] == "held");
    assert_eq!((reader.get_i64("n"), reader.snapshot().len()), (1, 31));
    // Forced while it is held. The hold goes on.
    set_n(&place, "50", "1h");
    everybody(&leader, &next, "n=50");
    assert_eq!(place.status()["behind"]["kind"], "held");

    // The leader is gone, and the next one is told the same wrong thing.
    leader.kill();
    next.expect_log(LEADS);
    next.expect_line("error: parser: payload held");
    assert_eq!((reader.get_i64("n"), reader.snapshot().len()), (50, 31));
    // The service is gone too.
    drop(server);
    set_n(&place, "51", "3s");
    next.expect_line("n=51");
    let shown = place.status();
    assert_eq!((&shown["overrides"][0]["value"], &shown["overrides"][0]["source"]), (&51.into(), &1.into()));
    // Over by itself: what the source said last is back.
    next.expect_line("n=1");
    wait_until("no override", DEADLINE, || place.status()["overrides"] == serde_json::json!([]));
    assert_eq!((reader.get_i64("n"), reader.snapshot().len()), (1, 31));
    // Somebody decides that the empty host was meant.
    let accepted = place.answer("accept", NOTHING);
    assert_eq!(accepted.code, 0, "{accepted:?}");
    next.expect_line("n=-1");
    assert_eq!(reader.snapshot().len(), 0);
    next.close_stdin();
    assert!(next.wait(DEADLINE).success(), "{}", next.stderr());
}

#[test]
fn an_override_is_seen_in_another_process_soon_after_the_command_starts() {
    let (place, server) = (Place::new(), server());
    let leader = role("client-watch", &place, &server, 0);
    leader.expect_log(LEADS);
    let other = role("client-watch", &place, &server, 0);
    other.expect_line("n=1");
    let mut times = Vec::new();
    for n in 100..120 {
        let start = Instant::now();
        set_n(&place, &n.to_string(), "1h");
        let (seen, _) = other.expect_line(&format!("n={n}"));
        times.push(seen.saturating_duration_since(start));
    }
    eprintln!("override to readable, with the start of the command: {times:?}");
    assert!(median(times) < Duration::from_millis(1500));
}
