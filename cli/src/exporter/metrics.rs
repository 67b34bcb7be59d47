//! The metrics of snapshot files as OpenMetrics text. Names, labels and meanings are listed in docs/metrics.md.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use flagstaff_format::layout;
use flagstaff_reader::counters::{BOUNDS_MICROS, Durations, Event, Phase};
use flagstaff_reader::{Counters, FailureKind, LastFailure, LinkState, PublisherState, Reader, Status};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

use super::processes::{Count, Processes};
use crate::facts::{Overridden, RolledBack};

const LINKS: [LinkState; 5] =
    [LinkState::Idle, LinkState::Connecting, LinkState::Open, LinkState::Retrying, LinkState::Refused];

/// Everything known about these files now, as text.
pub(super) fn text(readers: &Arc<Vec<Reader>>, processes: &Arc<Processes>) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("flagstaff");
    let looks = readers.iter().enumerate().map(|(at, reader)| Look {
        file: reader.path().display().to_string(),
        status: reader.status(),
        counters: reader.counters(),
        processes: processes.count(at),
        overrides: Overridden::all(reader.path()).len(),
        is_rolled_back: RolledBack::of(reader.path()).is_some(),
    });
    registry.register_collector(Box::new(Looks(looks.collect())));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

/// One look at one file.
#[derive(Debug)]
struct Look {
    file: String,
    status: Status,
    counters: Counters,
    processes: Option<Count>,
    overrides: usize,
    is_rolled_back: bool,
}

#[derive(Debug)]
struct Looks(Vec<Look>);

/// A label besides the file: its name and its value. An empty name is none.
type Label = (&'static str, &'static str);
const NONE: Label = ("", "");

impl Collector for Looks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = To { encoder: &mut encoder, looks: &self.0 };
        let version = [("version", env!("CARGO_PKG_VERSION")), ("format", FORMAT)];
        let mut info =
            to.encoder.encode_descriptor("build", "Version of this program", None, MetricType::Info)?;
        info.encode_info(&version)?;

        to.gauge("generation", "Generation that readers see; 0 if nothing was published", None, |look| {
            look.status.generation.get() as f64
        })?;
        to.gauge("durable_generation", "Newest generation known to be on the disk", None, |look| {
            look.status.durable.get() as f64
        })?;
        to.gauge("flags", "Number of flags", None, |look| look.status.flags as f64)?;
        to.gauge("archive", "Size of the table that readers see", Some(&Unit::Bytes), |look| {
            look.status.archive_bytes as f64
        })?;
        to.gauge(
            "payload",
            "Size of the payload that was published last; 0 if not known",
            Some(&Unit::Bytes),
            |look| look.counters.payload_bytes() as f64,
        )?;
        to.gauge(
            "stale",
            "1 if flags may be out of date: no publisher, no open link, behind or cold",
            None,
            |look| f64::from(look.status.is_stale()),
        )?;
        to.gauge("cold", "1 if no publisher has confirmed these flags in this boot", None, |look| {
            f64::from(look.status.is_cold)
        })?;
        to.gauge("behind", "1 if readers do not see the newest flags of the source", None, |look| {
            f64::from(look.status.behind.is_some())
        })?;
        to.gauge("held", "1 if the guard holds a payload of the source", None, |look| {
            let is_held = |behind: LastFailure| behind.kind == FailureKind::Held;
            f64::from(look.status.behind.is_some_and(is_held))
        })?;
        to.gauge(
            "rolled_back",
            "1 if readers have flags of the past instead of the source's",
            None,
            |look| f64::from(look.is_rolled_back),
        )?;
        to.gauge("overrides", "Flags that are overridden on this host", None, |look| look.overrides as f64)?;
        to.gauge("publisher_up", "1 if a publisher lives", None, |look| {
            f64::from(look.status.publisher == PublisherState::Alive)
        })?;
        to.gauges("link_state", "1 for the state of the link between publisher and source", None, |look| {
            LINKS.map(|state| (("state", state.name()), Some(f64::from(look.status.link == state)))).to_vec()
        })?;

        let seconds = Some(&Unit::Seconds);
        to.ages("content_age", "Since the flags were published first", |status| {
            std::time::SystemTime::now().duration_since(status.published_at?).ok()
        })?;
        to.ages("contact_age", "Since the publisher last heard from its source", |status| {
            status.contact_age
        })?;
        to.ages("behind_age", "For how long readers have not seen the newest flags", |status| {
            status.behind.map_or(Some(Duration::ZERO), |behind| behind.age)
        })?;
        to.ages("link_age", "For how long the link has been in its state", |status| status.link_age)?;
        to.ages("publisher_uptime", "Since the publisher started", |status| status.publisher_uptime)?;

        to.gauges(
            "processes",
            "Processes that have the file mapped, as far as they may be looked at",
            None,
            |look| {
                let Some(count) = look.processes else { return Vec::new() };
                [("reader", count.readers), ("old_file", count.on_old_file), ("publisher", count.publishers)]
                    .map(|(role, count)| (("role", role), Some(count as f64)))
                    .to_vec()
            },
        )?;
        to.gauges("processes_hidden", "Processes of the host that may not be looked at", None, |look| {
            look.processes.map(|count| (NONE, Some(count.hidden as f64))).into_iter().collect()
        })?;

        to.counters("payloads", "Payloads of the source, by what became of them", |look| {
            let results = [
                ("published", Event::Published),
                ("unchanged", Event::Unchanged),
                ("refused", Event::Refused),
                ("held", Event::Held),
            ];
            results.map(|(result, event)| (("result", result), look.counters.count(event))).to_vec()
        })?;
        to.counters("changed_flags", "Flags that were added, removed or changed", |look| {
            vec![(NONE, look.counters.count(Event::FlagChanged))]
        })?;
        to.counters("connections", "Streams of the source that were opened", |look| {
            vec![(NONE, look.counters.count(Event::Connected))]
        })?;
        to.counters("checkpoints", "Checkpoints that got to the disk", |look| {
            vec![(NONE, look.counters.count(Event::Checkpoint))]
        })?;
        to.counters("failures", "Failures of the publisher, by kind", |look| {
            look.counters.failures().map(|(kind, count)| (("kind", kind.name()), count)).collect()
        })?;

        let help = "Time that a publish took: build (payload to table), store (table to readers), checkpoint (to the disk)";
        let mut family =
            to.encoder.encode_descriptor("publish_phase", help, seconds, MetricType::Histogram)?;
        for look in &self.0 {
            for (name, phase) in
                [("build", Phase::Build), ("store", Phase::Store), ("checkpoint", Phase::Checkpoint)]
            {
                let labels = [("file", look.file.as_str()), ("phase", name)];
                histogram(family.encode_family(&labels)?, &look.counters.durations(phase))?;
            }
        }
        Ok(())
    }
}

/// Of the snapshot file.
const FORMAT: &str = match layout::VERSION {
    1 => "1",
    _ => "newer",
};

/// Writes one metric of all files after the other.
struct To<'a, 'b> {
    encoder: &'a mut DescriptorEncoder<'b>,
    looks: &'a [Look],
}

impl To<'_, '_> {
    fn gauge(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        value: impl Fn(&Look) -> f64,
    ) -> fmt::Result {
        self.gauges(name, help, unit, |look| vec![(NONE, Some(value(look)))])
    }

    /// A value that is `None` is not known, and left out.
    fn gauges(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        values: impl Fn(&Look) -> Vec<(Label, Option<f64>)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for look in self.looks {
            for (label, value) in values(look) {
                if let Some(value) = value {
                    labelled(&mut family, look, label, |mut metric| metric.encode_gauge(&value))?;
                }
            }
        }
        Ok(())
    }

    fn ages(&mut self, name: &str, help: &str, age: impl Fn(&Status) -> Option<Duration>) -> fmt::Result {
        self.gauges(name, help, Some(&Unit::Seconds), |look| {
            vec![(NONE, age(&look.status).map(|age| age.as_secs_f64()))]
        })
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        values: impl Fn(&Look) -> Vec<(Label, u64)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for look in self.looks {
            for (label, value) in values(look) {
                labelled(&mut family, look, label, |mut metric| {
                    metric.encode_counter::<NoLabelSet, _, u64>(&value, None::<&Exemplar<NoLabelSet, u64>>)
                })?;
            }
        }
        Ok(())
    }
}

fn labelled(
    family: &mut MetricEncoder<'_>,
    look: &Look,
    label: Label,
    write: impl FnOnce(MetricEncoder<'_>) -> fmt::Result,
) -> fmt::Result {
    let labels = [("file", look.file.as_str()), label];
    let labels = if label == NONE { &labels[..1] } else { &labels[..] };
    write(family.encode_family(&labels)?)
}

fn histogram(mut metric: MetricEncoder<'_>, durations: &Durations) -> fmt::Result {
    let bounds = BOUNDS_MICROS.iter().map(|micros| *micros as f64 / 1e6).chain([f64::INFINITY]);
    let buckets: Vec<_> = bounds.zip(durations.buckets).collect();
    metric.encode_histogram::<NoLabelSet>(durations.sum.as_secs_f64(), durations.count(), &buckets, None)
}
