//! Code of the caller: it runs in threads of its own, finds no lock of ours taken, and its panics are caught.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use flagstaff_publisher::Handler;

use crate::report::ErrorContext;

/// What is called with errors.
pub(crate) type ErrorCallback = Arc<dyn Fn(&ErrorContext) + Send + Sync>;

/// What is called before the background of a process is started.
pub(crate) struct StartCallback(pub(crate) Arc<dyn Fn() + Send + Sync>);

/// Calls `callback`, whatever it does.
pub(crate) fn call(name: &str, callback: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(callback)).is_err() {
        tracing::error!("the {name} callback panicked; it will be called again all the same");
    }
}

/// The callback as what a queue does with an error.
pub(crate) fn handler(callback: ErrorCallback) -> Handler<ErrorContext> {
    Arc::new(move |error, dropped| {
        let error = ErrorContext { dropped, ..error };
        call("error", || callback(&error));
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};
    use std::time::Duration;

    use flagstaff_publisher::Queue;

    use super::*;

    #[test]
    fn a_callback_that_panics_is_called_again() {
        let (said, heard) = mpsc::channel();
        let said = Mutex::new(said);
        let callback: ErrorCallback = Arc::new(move |error: &ErrorContext| {
            said.lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .send(error.error.to_string())
                .unwrap();
            panic!("a defect of the caller");
        });
        let errors = Queue::new("test", 8, Some(handler(callback)));
        let error = |number: usize| ErrorContext::of_disk(true, std::io::Error::other(number.to_string()));
        (0..3).for_each(|number| errors.push(error(number)));
        let all: Vec<_> = (0..3).map(|_| heard.recv_timeout(Duration::from_secs(20)).unwrap()).collect();
        assert_eq!(all, ["0", "1", "2"]);
    }
}
