//! Large changes, and clients that do not read: how long they take, what they take, and whom they hold up.
//!
//! An undo of 20,000 flags took 3.9 s and of 100,000 more than a minute, because each flag moved all others. A value of 5 MB, nested deeply,
//! took 17 s and 1,258 MiB until it was refused, because its text for people was made first. 40 clients that did not read the history
//! held 1,218 MiB, because each had a copy of its own. Figures are those of the same machine under the same load.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flagstaff_tests::flag_server::{FlagServer, put};
use flagstaff_tests::http::Request;
use flagstaff_tests::place::Place;
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::Signal;

const MOST_RESIDENT_KIB: u64 = 250 * 1024;

fn object(count: usize, value: impl Fn(usize) -> String) -> String {
    let members: Vec<_> = (0..count).map(|n| format!("\"{n:x}\":{}", value(n))).collect();
    format!("{{{}}}", members.join(","))
}

fn patch(server: &FlagServer, body: String) {
    let answer = server.send(Request::new("PATCH", "/api/v1/flags").body(body));
    assert_eq!(answer.status, 200);
}

fn unread(server: &FlagServer, path: &str) -> TcpStream {
    let mut socket = TcpStream::connect(server.address).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nHost: {}\r\nX-API-Key: dev\r\n\r\n", server.address).unwrap();
    socket
}

/// Waits until the server has begun to answer, without taking the answer.
fn is_answered(socket: &TcpStream) -> bool {
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.peek(&mut [0]).is_ok_and(|bytes| bytes == 1)
}

/// Does `work`, and answers how long it took, and the quickest that `/healthz` and a change in another environment were slow at worst: of
/// three runs the best counts, because others use this machine too.
fn held_up(mut work: impl FnMut(&FlagServer)) -> (Duration, Duration) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..3 {
        let place = Place::new();
        let other = format!("other={}", place.join("other.json").display());
        let server = FlagServer::start([
            "--create".into(),
            "--environment".into(),
            other,
            place.join("flags.json").display().to_string(),
        ]);
        let done = AtomicBool::new(false);
        let mut worst = Duration::ZERO;
        let begun = Instant::now();
        let took = thread::scope(|scope| {
            let asking = scope.spawn(|| {
                for n in 0.. {
                    if done.load(Ordering::SeqCst) {
                        break;
                    }
                    let begun = Instant::now();
                    assert_eq!(Request::new("GET", "/healthz").send(server.address).status, 200);
                    let change = put("n", &n.to_string()).header("X-API-Key", "other").send(server.address);
                    assert!(change.status <= 201);
                    worst = worst.max(begun.elapsed());
                }
            });
            work(&server);
            let took = begun.elapsed();
            done.store(true, Ordering::SeqCst);
            asking.join().unwrap();
            took
        });
        best = (best.0.min(took), best.1.min(worst));
    }
    best
}

#[test]
fn changes_of_a_hundred_thousand_flags_take_seconds_and_hold_nobody_up() {
    let (took, worst) = held_up(|server| {
        patch(server, object(100_000, |n| n.to_string()));
        let undo =
            |revision: u64| server.send(Request::new("POST", &format!("/api/v1/history/{revision}/undo")));
        assert_eq!(undo(1).status, 200);
        assert_eq!(server.flags(), "{}");
        assert_eq!(undo(2).status, 200);
        patch(server, object(100_000, |_| "null".to_owned()));
        assert_eq!(server.flags(), "{}");
    });
    eprintln!(
        "100,000 flags set, undone, set again and removed in {took:?}; others waited {worst:?} at most"
    );
    assert!(took < Duration::from_secs(20), "{took:?}");
    assert!(worst < Duration::from_millis(500), "{worst:?}");
}

#[test]
fn a_value_that_would_be_too_large_in_the_file_is_refused_before_it_is_laid_out() {
    let server = FlagServer::start([] as [&str; 0]);
    let place = Place::new();
    let kept = FlagServer::with_new_file(&place.join("flags.json"));
    let deep = format!("{}1{}{}", "[".repeat(126), ",1".repeat(2_500_000), "]".repeat(126));
    let refused = kept.put("deep", &deep);
    assert_eq!(refused.refusal(), (413, "too_large".to_owned()));
    let resident = kept.process.memory("VmHWM");
    eprintln!("5 MB nested 126 deep: refused with {} MiB resident", resident / 1024);
    assert!(resident < MOST_RESIDENT_KIB, "{resident} KiB");
    assert!(server.get("/healthz").status == 200);
}

#[test]
fn clients_that_do_not_read_large_answers_share_them() {
    let server = FlagServer::start([] as [&str; 0]);
    for n in 0..12 {
        server.put("large", &format!("\"{n} {}\"", "x".repeat(2_500_000)));
    }
    let paths = ["/api/v1/history", "/api/v1/flags", "/api/v1/flags/by-key/large", "/api/v1/page/live"];
    let sockets: Vec<_> = (0..160).map(|n| unread(&server, paths[n % paths.len()])).collect();
    for (n, socket) in sockets.iter().enumerate() {
        assert!(is_answered(socket), "client {n}");
    }
    for n in 0..20 {
        assert_eq!(server.put("large", &format!("\"again {n} {}\"", "x".repeat(2_500_000))).status, 200);
    }
    let resident = server.process.memory("VmHWM");
    eprintln!(
        "{} clients that do not read, 32 changes of 2.5 MB: {} MiB resident",
        sockets.len(),
        resident / 1024
    );
    assert!(resident < MOST_RESIDENT_KIB, "{resident} KiB");
    // Who reads gets all of it.
    assert!(server.get("/api/v1/history").json()["changes"].as_array().unwrap().len() >= 6);
}

#[test]
fn sixty_pages_of_four_hundred_thousand_flags_hold_nobody_up_and_share_one_copy() {
    const FLAGS: usize = 330_000;
    let place = Place::new();
    let file = place.join("flags.json");
    std::fs::write(&file, object(FLAGS, |n| (n % 10).to_string())).unwrap();
    let server = FlagServer::with_file(&file);
    let sockets: Vec<_> = (0..60).map(|_| unread(&server, "/api/v1/page/live")).collect();
    for socket in &sockets {
        assert!(is_answered(socket));
    }
    let mut page = server.page_stream();
    let first = page.find(|event| event.name == "flags").json();
    assert_eq!(first["tags"].as_object().unwrap().len(), FLAGS);
    let begun = Instant::now();
    assert_eq!(server.get("/healthz").status, 200);
    let health = begun.elapsed();
    let resident = server.process.memory("VmHWM");
    eprintln!("60 pages of {FLAGS} flags: healthz in {health:?}, {} MiB resident", resident / 1024);
    assert!(resident < MOST_RESIDENT_KIB, "{resident} KiB");
    assert!(health < Duration::from_secs(1), "{health:?}");
}

#[test]
fn large_bodies_beyond_what_there_is_room_for_are_refused_and_small_ones_are_not() {
    let server = FlagServer::start([] as [&str; 0]);
    let body = format!("\"{}\"", "x".repeat(4_900_000));
    let half: Vec<_> = (0..30)
        .map(|_| {
            let mut socket = TcpStream::connect(server.address).unwrap();
            write!(
                socket,
                "PUT /api/v1/flags/by-key/x HTTP/1.1\r\nHost: {}\r\nX-API-Key: dev\r\nContent-Length: {}\r\n\r\n",
                server.address,
                body.len()
            )
            .unwrap();
            socket.write_all(&body.as_bytes()[..4_800_000]).unwrap();
            socket
        })
        .collect();
    let busy = || server.put("y", &body).refusal() == (503, "busy".to_owned());
    wait_until("a large body is refused", DEADLINE, busy);
    assert_eq!(server.put("small", "1").status, 201);
    let resident = server.process.memory("VmHWM");
    eprintln!("30 bodies of 5 MB that do not end: {} MiB resident", resident / 1024);
    assert!(resident < MOST_RESIDENT_KIB, "{resident} KiB");
    drop(half);
    wait_until("there is room again", DEADLINE, || server.put("y", &body).status <= 201);
}

#[test]
fn connections_beyond_the_bound_are_told_so_and_health_can_still_be_asked() {
    const BOUND: usize = 1500;
    let server = FlagServer::start([] as [&str; 0]);
    let mut sockets: Vec<_> = (0..BOUND).map(|_| unread(&server, "/api/v1/flags/live")).collect();
    for socket in &sockets {
        assert!(is_answered(socket));
    }
    let refused = server.get("/api/v1/flags");
    assert_eq!((refused.refusal(), refused.header("retry-after")), ((503, "busy".to_owned()), Some("1")));
    assert_eq!(Request::new("GET", "/healthz").send(server.address).body, "ok");
    let resident = server.process.memory("VmHWM");
    eprintln!("{BOUND} streams: {} MiB resident", resident / 1024);
    assert!(resident < MOST_RESIDENT_KIB, "{resident} KiB");
    sockets.truncate(10);
    wait_until("there are places again", DEADLINE, || server.get("/api/v1/flags").status == 200);
}

#[test]
fn a_stop_does_not_wait_for_a_large_change() {
    let stop = |is_busy: bool| {
        let mut server = FlagServer::start([] as [&str; 0]);
        patch(&server, object(300_000, |n| (n % 10).to_string()));
        let mut socket = TcpStream::connect(server.address).unwrap();
        if is_busy {
            let address = server.address;
            write!(
                socket,
                "POST /api/v1/history/1/undo HTTP/1.1\r\nHost: {address}\r\nX-API-Key: dev\r\n\r\n"
            )
            .unwrap();
        }
        let begun = Instant::now();
        server.process.signal(Signal::TERM);
        assert!(server.process.wait(DEADLINE).success());
        begun.elapsed()
    };
    // In turns, because others use this machine too.
    let times: Vec<_> = (0..5).map(|_| (stop(false), stop(true))).collect();
    let idle = times.iter().map(|(idle, _)| *idle).min().unwrap();
    let busy = times.iter().map(|(_, busy)| *busy).min().unwrap();
    eprintln!("a stop takes {idle:?}, and {busy:?} while 300,000 flags are undone");
    assert!(busy < idle + Duration::from_millis(300), "{times:?}");
}
