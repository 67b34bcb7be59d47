//! A disk that answers every sync with an error, and one day works again.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use flagstaff_format::{FailureKind, FileOp, Generation, Hooks, Observer};
use flagstaff_publisher::{CloseError, Publisher, PublisherOptions};
use flagstaff_reader::Reader;
use rustix::io::Errno;

use crate::place::{DEADLINE, Place, wait_until};

#[derive(Debug, Default)]
struct Disk {
    is_broken: AtomicBool,
    refused: AtomicUsize,
}

impl Observer for Disk {
    fn before(&self, step: &FileOp<'_>) -> io::Result<()> {
        if matches!(step, FileOp::Sync { .. }) && self.is_broken.load(Ordering::SeqCst) {
            self.refused.fetch_add(1, Ordering::SeqCst);
            return Err(Errno::IO.into());
        }
        Ok(())
    }
}

fn payload(n: u64) -> String {
    format!("{{\"n\":{n}}}")
}

#[test]
fn on_a_disk_that_cannot_sync_flags_are_served_from_memory_never_called_durable_and_saved_when_it_heals() {
    let (place, disk) = (Place::new(), Arc::new(Disk::default()));
    let options = PublisherOptions::default()
        .checkpoint_every(Duration::from_millis(1))
        .watch(Hooks::new(disk.clone()));
    let mut publisher = Publisher::open(&place.path, &options).unwrap();
    let reader = Reader::open(&place.path).unwrap();
    publisher.publish(&payload(1)).unwrap();
    wait_until("the first is durable", DEADLINE, || reader.status().durable == Generation(1));

    disk.is_broken.store(true, Ordering::SeqCst);
    for n in 2..=5 {
        let refused = disk.refused.load(Ordering::SeqCst);
        publisher.publish(&payload(n)).unwrap();
        assert_eq!(reader.get_u64("n"), n);
        wait_until("it is tried", DEADLINE, || disk.refused.load(Ordering::SeqCst) > refused);
    }
    assert_eq!(reader.status().durable, Generation(1), "nothing false is called durable");
    wait_until("it is told", DEADLINE, || {
        reader.status().last_failure.is_some_and(|failure| failure.kind == FailureKind::Disk)
    });

    disk.is_broken.store(false, Ordering::SeqCst);
    wait_until("the newest is durable", DEADLINE, || reader.status().durable == Generation(5));
    disk.is_broken.store(true, Ordering::SeqCst);
    publisher.publish(&payload(6)).unwrap();
    let error = publisher.close().unwrap_err();
    assert!(matches!(error, CloseError::Disk(_)), "{error}");
    assert_eq!((reader.get_u64("n"), reader.status().durable), (6, Generation(5)));
}
