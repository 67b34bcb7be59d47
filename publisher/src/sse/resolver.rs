//! The name lookup of the system, which a stop ends, with errors that say so.

use std::io;
use std::sync::mpsc;
use std::thread;

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;
use ureq::unversioned::transport::time::Duration as Limit;

use super::connect_phase::Phase;
use crate::stopper::{Stopper, Waited};

/// Looks names up in a thread of its own: the system's function can neither be stopped nor given a limit. A lookup that
/// nobody waits for any more ends by itself.
#[derive(Debug)]
pub(super) struct StoppableResolver {
    pub(super) stopper: Stopper,
    /// For messages that name the proxy and not the service.
    pub(super) proxy: Option<Uri>,
}

impl Resolver for StoppableResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let phase = Phase::of_resolve(self.proxy.as_ref() == Some(uri));
        let (uri, config, stopper) = (uri.clone(), config.clone(), self.stopper.clone());
        let look_up = move || {
            let no_limit = NextTimeout { after: Limit::NotHappening, ..timeout };
            DefaultResolver::default().resolve(&uri, &config, no_limit)
        };
        self.wait_for(look_up, stopper, timeout).map_err(|error| phase.mark(error))
    }
}

impl StoppableResolver {
    fn wait_for(
        &self,
        look_up: impl FnOnce() -> Result<ResolvedSocketAddrs, Error> + Send + 'static,
        stopper: Stopper,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let (send, found) = mpsc::channel();
        thread::Builder::new().name("flag-lookup".to_owned()).spawn(move || {
            // An error is a stop, or the limit: nobody waits.
            let _ = send.send(look_up());
            stopper.wake();
        })?;
        match self.stopper.wait_for(*timeout.after, || found.try_recv().ok()) {
            Ok(found) => found,
            Err(Waited::Elapsed) => Err(Error::Timeout(timeout.reason)),
            Err(Waited::Stopped) => Err(io::Error::from(io::ErrorKind::Interrupted).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use ureq::Timeout;

    use super::*;

    /// A lookup that lasts until the answer is dropped.
    fn endless() -> (mpsc::Sender<()>, impl FnOnce() -> Result<ResolvedSocketAddrs, Error> + Send + 'static) {
        let (hold, held) = mpsc::channel::<()>();
        (hold, move || {
            let _ = held.recv();
            Err(Error::HostNotFound)
        })
    }

    fn limit(seconds: u64) -> NextTimeout {
        NextTimeout { after: Limit::from_secs(seconds), reason: Timeout::Resolve, ..NextTimeout::default() }
    }

    /// Symptom: SIGTERM took up to 5 s while the name service was silent. Cause: nothing ends a lookup of the system. Fix: it
    /// goes on in a thread of its own, and nobody waits for it.
    #[test]
    fn a_stop_ends_a_lookup_that_does_not_end() {
        let stopper = Stopper::new();
        let resolver = StoppableResolver { stopper: stopper.clone(), proxy: None };
        let (_hold, look_up) = endless();
        let begun = Instant::now();
        let result = thread::scope(|scope| {
            let waiter = scope.spawn(|| resolver.wait_for(look_up, stopper.clone(), limit(60)));
            stopper.stop();
            waiter.join().unwrap()
        });
        assert!(matches!(result, Err(Error::Io(_))), "{result:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }

    #[test]
    fn a_lookup_that_does_not_end_is_given_up_at_its_limit() {
        let resolver = StoppableResolver { stopper: Stopper::new(), proxy: None };
        let (_hold, look_up) = endless();
        let result = resolver.wait_for(look_up, Stopper::new(), limit(1));
        assert!(matches!(result, Err(Error::Timeout(Timeout::Resolve))), "{result:?}");
    }

    #[test]
    fn a_lookup_that_ends_is_answered_at_once() {
        let stopper = Stopper::new();
        let resolver = StoppableResolver { stopper: stopper.clone(), proxy: None };
        let begun = Instant::now();
        let slow = || {
            thread::sleep(Duration::from_millis(20));
            Err(Error::HostNotFound)
        };
        let result = resolver.wait_for(slow, stopper, limit(60));
        assert!(matches!(result, Err(Error::HostNotFound)), "{result:?}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
