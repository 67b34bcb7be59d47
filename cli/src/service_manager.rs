//! Notifications to systemd, for a service of `Type=notify`.

use std::env;
use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::thread;
use std::time::Duration;

use flagstaff_reader::{PublisherState, Reader};

use crate::facts::why_stale;

/// How long a service manager that does not read its socket may hold up the publisher.
const PATIENCE: Duration = Duration::from_millis(200);

/// Time between two reports, at most.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Tells the service manager now and then what a publisher does, and that it is alive: one that hangs is not reported to the watchdog any
/// more (`WatchdogSec=`), and so is started again. `publishes`: it does not stand by.
pub(crate) fn report(reader: Reader, publishes: impl Fn() -> bool + Send + 'static) {
    if env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    let watchdog = watchdog();
    let every = watchdog.map_or(REPORT_EVERY, |limit| REPORT_EVERY.min(limit / 3));
    let work = move || {
        let mut said = String::new();
        loop {
            thread::sleep(every);
            let status = reader.status();
            if watchdog.is_some() && !(publishes() && status.publisher == PublisherState::Gone) {
                notify("WATCHDOG=1");
            }
            let state = match why_stale(&status) {
                _ if !publishes() => "standing by for another publisher".to_owned(),
                why if why.is_empty() => {
                    format!("generation {}, {} flags, fresh", status.generation, status.flags)
                }
                why => format!("generation {}, may be stale: {why}", status.generation),
            };
            if said != state {
                notify(&format!("STATUS={state}"));
                said = state;
            }
        }
    };
    // Without a thread the publisher publishes all the same; with a watchdog it is started again, and may have one then.
    let _ = thread::Builder::new().name("flag-report".to_owned()).spawn(work);
}

/// After which silence the service manager kills this process, if it does.
fn watchdog() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|limit| is_ours && *limit > 0).map(Duration::from_micros)
}

/// Sends a state such as `READY=1` to the service manager, if there is one and it reads it soon.
pub(crate) fn notify(state: &str) {
    if let Some(socket) = env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())
        && let Err(error) = send(&socket, state)
    {
        tracing::debug!(%error, "the service manager was not notified");
    }
}

fn send(socket: &OsStr, state: &str) -> std::io::Result<()> {
    let address = match socket.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(socket)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_write_timeout(Some(PATIENCE))?;
    socket.send_to_addr(state.as_bytes(), &address).map(drop)
}
