//! Nothing is waited for without end, and a stop waits for nothing.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use flagstaff_publisher::sse::{Awaited, Failure, StreamOptions};
use flagstaff_tests::namespace::in_namespace;
use flagstaff_tests::place::Place;
use flagstaff_tests::process::Process;
use flagstaff_tests::proxy::{Manner, Proxy};
use flagstaff_tests::server::{FaultServer, Script};
use flagstaff_tests::wait::{DEADLINE, wait_until};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{open, place, run};

/// What a stop may take. A machine that is busy may take longer now and then.
const PROMPT: Duration = Duration::from_millis(200);

/// A listener whose queue is full, which answers no connection request, like a host behind a firewall.
struct Deaf {
    _listener: TcpListener,
    _queued: Vec<TcpStream>,
    address: SocketAddr,
}

impl Deaf {
    fn start() -> Deaf {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let limit = Duration::from_millis(300);
        let queued = std::iter::from_fn(|| TcpStream::connect_timeout(&address, limit).ok()).collect();
        Deaf { _listener: listener, _queued: queued, address }
    }
}

/// A name service that hears everything and says nothing, and a command that asks it. `None`, with a reason, without root.
struct Mute(UdpSocket);

impl Mute {
    fn start() -> Option<Mute> {
        match UdpSocket::bind("127.0.0.77:53") {
            Ok(socket) => Some(Mute(socket)),
            Err(error) => {
                eprintln!("LEFT OUT: a silent name service, because port 53 cannot be had: {error}");
                None
            }
        }
    }

    fn command(&self, place: &Place, arguments: &[&str]) -> Option<Command> {
        let configuration = place.join("resolv.conf");
        let address = self.0.local_addr().unwrap().ip();
        std::fs::write(&configuration, format!("nameserver {address}\n")).unwrap();
        let mut command = in_namespace("-m", "mount --bind \"$0\" /etc/resolv.conf && exec \"$@\"")?;
        let run = place.run_command("http://flags.test");
        command.arg(configuration).arg(run.get_program()).args(run.get_args()).args(arguments);
        Some(command)
    }

    fn wait_for_question(&self) {
        self.0.set_read_timeout(Some(DEADLINE)).unwrap();
        self.0.recv(&mut [0; 1000]).unwrap();
    }
}

fn is_timeout<T>(result: Result<T, Failure>, awaited: Awaited) -> bool {
    matches!(result, Err(Failure::Timeout { waited_for, .. }) if waited_for == awaited)
}

pub(crate) fn connecting() {
    let options = || StreamOptions::default().connect_timeout(Duration::from_millis(500));
    let deaf = Deaf::start();
    assert!(is_timeout(open(&format!("http://{}", deaf.address), options()), Awaited::Connection));
    let silent = FaultServer::start();
    silent.always(Script::unasked(b""));
    let url = silent.url().replace("http:", "https:");
    assert!(is_timeout(open(&url, options()), Awaited::Connection));
    for manner in [Manner::Silence, Manner::Drip(Duration::from_millis(100))] {
        let (place, proxy) = (place(), Proxy::start(manner.clone()));
        let begun = Instant::now();
        let arguments = ["--connect-timeout", "1"];
        let publisher = run(&place, "https://flags.test", &arguments, &[("HTTPS_PROXY", &proxy.url())]);
        publisher.expect_log("no connection within 1 s");
        assert!(begun.elapsed() < Duration::from_secs(10), "{manner:?}: {:?}", begun.elapsed());
        assert_eq!(place.get("n"), "1");
    }
    let Some(mute) = Mute::start() else { return };
    let place = place();
    let Some(command) = mute.command(&place, &["--connect-timeout", "1"]) else { return };
    Process::start(command).expect_log("no address of the host within 1 s");
}

pub(crate) fn headers() {
    let options = || StreamOptions::default().header_timeout(Duration::from_millis(500));
    for script in [
        Script::stall(),
        Script::slow_headers(Duration::from_millis(50)),
        Script::raw(b"").slowly(b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100), Duration::from_millis(5)),
    ] {
        let server = FaultServer::start();
        server.always(script.clone());
        let begun = Instant::now();
        assert!(is_timeout(open(&server.url(), options()), Awaited::Headers), "{script:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}

pub(crate) fn any_byte() {
    let (place, server) = (place(), FaultServer::start());
    let publisher = run(&place, &server.url(), &["--read-timeout", "3"], &[]);
    server.wait_for_streams(1, DEADLINE);
    // An event that takes longer than the limit, in pieces that do not.
    for byte in b"data: {\"n\":2,\"text\":\"0123456789\"}\n\n" {
        std::thread::sleep(Duration::from_millis(120));
        assert_eq!(server.send_chunk(&[*byte]), 1);
    }
    place.wait_for_n(2);
    assert_eq!(server.requests().len(), 1);
    publisher.expect_log("no data or heartbeat within 3 s");
    server.wait_for_requests(2, DEADLINE);
}

/// Waits until a publisher waits in a certain way; the number is how often it was started.
type Ready<'a> = &'a dyn Fn(&Place, &Process, usize);

/// Each way to wait is stopped up to five times: one that is stopped only by its own limit never is prompt.
pub(crate) fn stop() {
    let deaf = Deaf::start();
    let silent = FaultServer::start();
    silent.always(Script::unasked(b""));
    let secure = silent.url().replace("http:", "https:");
    let stalling = FaultServer::start();
    stalling.always(Script::stall());
    let idle = FaultServer::start();
    let refusing = FaultServer::start();
    refusing.always(Script::status(503, &[("Retry-After", "600")], ""));
    let proxy = Proxy::start(Manner::Silence);
    let asked = |server: &FaultServer, n| server.wait_for_connections(n, DEADLINE);
    let connects = |place: &Place| {
        wait_until("it connects", DEADLINE, || place.status()["link"] == "connecting");
        // The state is set just before the connect itself; that it was not reached yet would be prompt, too.
        std::thread::sleep(Duration::from_millis(50));
    };
    let deaf_url = format!("http://{}", deaf.address);
    let ways: [(&str, &str, Ready<'_>); 6] = [
        ("connect", &deaf_url, &|place, _, _| connects(place)),
        ("handshake", &secure, &|_, _, n| asked(&silent, n)),
        ("headers", &stalling.url(), &|_, _, n| drop(stalling.wait_for_requests(n, DEADLINE))),
        ("read", &idle.url(), &|_, _, _| idle.wait_for_streams(1, DEADLINE)),
        ("wait", &refusing.url(), &|_, publisher, _| drop(publisher.expect_log("retry_in"))),
        ("proxy", "https://flags.test", &|_, _, n| {
            wait_until("the proxy is asked", DEADLINE, || proxy.requests().len() == n);
        }),
    ];
    for (what, url, ready) in ways {
        stops(what, |place, n| {
            let publisher = run(place, url, &["--connect-timeout", "60"], &[("HTTPS_PROXY", &proxy.url())]);
            ready(place, &publisher, n);
            Some(publisher)
        });
    }
    let Some(mute) = Mute::start() else { return };
    stops("lookup", |place, _| {
        let publisher = Process::start(mute.command(place, &["--connect-timeout", "60"])?);
        mute.wait_for_question();
        Some(publisher)
    });
}

#[track_caller]
fn stops(what: &str, start: impl Fn(&Place, usize) -> Option<Process>) {
    let mut times = Vec::new();
    while times.len() < 5 && !times.iter().any(|time| *time < PROMPT) {
        let place = place();
        let Some(mut publisher) = start(&place, times.len() + 1) else { return };
        let begun = Instant::now();
        terminate(&publisher);
        let status = publisher.wait(DEADLINE);
        times.push(begun.elapsed());
        assert!(status.success(), "{what}: {status}\n{}", publisher.stderr());
    }
    eprintln!("SIGTERM in the middle of a {what}: {times:?}");
    assert!(times.iter().any(|time| *time < PROMPT), "{what}: {times:?}");
}

/// Signals the program itself, also where it runs in a namespace as the child of what made that.
fn terminate(publisher: &Process) {
    let id = publisher.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    match children.split_whitespace().next().and_then(|child| Pid::from_raw(child.parse().ok()?)) {
        Some(child) => kill_process(child, Signal::TERM).unwrap(),
        None => publisher.signal(Signal::TERM),
    }
}
