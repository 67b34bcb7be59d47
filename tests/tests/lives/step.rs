//! What happens in a life, step by step. A step that makes no sense where it comes does nothing: so every part of a list of steps is
//! a life too, and a long one can be made shorter by leaving steps out.

use std::fmt;
use std::str::FromStr;

use fastrand::Rng;

/// Payloads grow and shrink by orders of magnitude; the last is seldom.
const SIZES: [u32; 6] = [0, 1, 10, 400, 5000, 100_000];

/// A step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The publisher publishes that many flags, with a variety from 0 to 999.
    Publish(u32, u32),
    /// So many payloads at once.
    Burst(u32, u32, u32),
    /// A payload that is refused.
    Refused,
    /// So many payloads, larger and smaller, while everybody reads.
    Race(u32, u32, u32),
    /// The disk takes nothing more when a payload comes, and then it does again.
    FullDisk(u32, u32),
    /// A publisher is killed while it publishes.
    KillInPublish(u32, u32),
    /// `flagstaff publish`.
    OneShot(u32, u32),
    /// A publisher starts.
    Start,
    /// As `Start`, and its wall clock is so many seconds behind.
    StartBehind(u32),
    /// As `Start`, for the flags of another source, so that it makes the file anew.
    StartOther(u32),
    /// As `Start`, and nobody reads its log.
    StartUnread,
    /// Somebody overrides a flag.
    Override(u32),
    /// And ends that.
    ClearOverride,
    /// Somebody overrides it for a second, and it ends by itself.
    ExpireOverride(u32),
    /// A publisher is killed while somebody overrides a flag.
    KillInOverride(u32),
    /// A bit of the file's header flips, and its publisher makes it anew.
    Supersede(u32),
    /// It ends cleanly.
    Close,
    /// SIGKILL.
    Kill,
    /// SIGSTOP.
    Stop,
    /// SIGCONT.
    Continue,
    /// The file is removed.
    Remove,
    /// It gets another name.
    RenameAway,
    /// It gets its name back.
    PutBack,
    /// A copy is made.
    Copy,
    /// The copy takes the place of the file, by `mv`.
    Restore,
    /// Something that is no snapshot takes the place of the file: nothing, text, a file of another program.
    Foreign(u32),
    /// The file's mode.
    Mode(u32),
    /// Each makes a subject, in the process of that number.
    Open(u32),
    /// As `Open`, whether or not there is a file.
    Attach(u32),
    /// As `Open`: a client, which may lead.
    Client(u32),
    /// A clone of that subject.
    Clone(u32),
    /// A subject is dropped.
    Drop(u32),
    /// A subject waits, and is woken by a publish.
    Wait(u32, u32, u32),
    /// A process with subjects starts.
    Host,
    /// It forks.
    Fork(u32),
    /// It executes itself anew.
    Exec(u32),
    /// It ends.
    End(u32),
    /// It sleeps, through whatever happens.
    Sleep(u32),
    /// All that sleep wake up.
    Wake,
    /// So many milliseconds pass.
    Pause(u32),
    /// What the publisher has to put right is waited for.
    Settle,
}

use Step::*;

impl Step {
    /// Any step.
    pub(crate) fn random(random: &mut Rng) -> Step {
        let size = |random: &mut Rng| match random.u32(..200) {
            0 => SIZES[5],
            1..10 => SIZES[4],
            10..60 => SIZES[3],
            n => SIZES[n as usize % 3],
        };
        let (size, variety, which) = (size(random), random.u32(..1000), random.u32(..64));
        match random.u32(..1000) {
            0 => return FullDisk(size.max(400), variety),
            1..3 => return Supersede(variety),
            3..9 => return StartOther(random.u32(..3)),
            9..17 => return Foreign(random.u32(..4)),
            17..35 => return Race(random.u32(2..9), size.min(5000), variety),
            35..50 => return Override(1 + variety),
            50..57 => return ClearOverride,
            57 => return ExpireOverride(1 + variety),
            58..60 => return KillInOverride(1 + variety),
            _ => {}
        }
        match random.u32(..200) {
            0..80 => Publish(size, variety),
            80..84 => Burst(random.u32(2..6), size, variety),
            84..86 => Refused,
            86..88 => KillInPublish(size, variety),
            88..91 => OneShot(size, variety),
            91..106 => Start,
            106..108 => StartBehind([3600, 86_400, 40_000_000][random.usize(..3)]),
            108..112 => Close,
            112..116 => Kill,
            116..118 => Stop,
            118..124 => Continue,
            124..127 => Remove,
            127..129 => RenameAway,
            129..131 => PutBack,
            131..133 => Copy,
            133..135 => Restore,
            135..137 => Mode([0o400, 0o440, 0o444, 0o600, 0o640][random.usize(..5)]),
            137..149 => Open(which),
            149..155 => Attach(which),
            155..158 => Clone(which),
            158..170 => Drop(which),
            170..173 => Wait(which, size.min(400), variety),
            173..175 => Host,
            175..179 => Fork(which),
            179 => Exec(which),
            180..184 => End(which),
            184..187 => Sleep(which),
            187..192 => Wake,
            192..196 => Pause(random.u32(..30)),
            _ => Settle,
        }
    }

    /// Any step of a life whose flags come from a service.
    pub(crate) fn random_of_service(random: &mut Rng) -> Step {
        let size = [1, 10, 60, 400][random.usize(..4)];
        let (variety, which) = (random.u32(..1000), random.u32(..64));
        match random.u32(..400) {
            0..124 => Publish(size, variety),
            124..130 => Override(1 + variety),
            130 => ClearOverride,
            131..145 => Burst(random.u32(2..6), size, variety),
            145..165 => Race(random.u32(2..9), size, variety),
            165..170 => Refused,
            170..172 => FullDisk(5000, variety),
            172..188 => Start,
            188..194 => StartOther(0),
            194..202 => StartUnread,
            202..212 => Close,
            212..220 => Kill,
            220..226 => Stop,
            226..240 => Continue,
            240..243 => Remove,
            243..245 => RenameAway,
            245..247 => PutBack,
            247..251 => Copy,
            251..254 => Restore,
            254..256 => Foreign(random.u32(..4)),
            256..264 => Open(which),
            264..270 => Attach(which),
            270..300 => Client(which),
            300..306 => Clone(which),
            306..326 => Drop(which),
            326..336 => Wait(which, size, variety),
            336..342 => Host,
            342..354 => Fork(which),
            354..357 => Exec(which),
            357..372 => End(which),
            372..380 => Sleep(which),
            380..392 => Wake,
            _ => Pause(random.u32(..30)),
        }
    }

    /// A step that does less, if there is one.
    pub(crate) fn smaller(self) -> Option<Step> {
        let less = |size| SIZES.iter().rev().find(|other| **other < size).copied();
        match self {
            Publish(size, variety) => less(size).map(|size| Publish(size, variety)),
            OneShot(size, variety) => less(size).map(|size| OneShot(size, variety)),
            KillInPublish(size, variety) => less(size).map(|size| KillInPublish(size, variety)),
            Burst(_, size, variety) => Some(Publish(size, variety)),
            Race(count, size, variety) => Some(match less(size) {
                Some(size) => Race(count, size, variety),
                None => Burst(count, size, variety),
            }),
            StartBehind(_) | StartOther(_) | StartUnread => Some(Start),
            ExpireOverride(value) | KillInOverride(value) => Some(Override(value)),
            Attach(host) => Some(Open(host)),
            _ => None,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The form that `derive(Debug)` gives, without its punctuation: `Publish 400 17`.
        let text = format!("{self:?}").replace(['(', ')', ','], " ");
        f.write_str(&text.split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

impl FromStr for Step {
    type Err = String;

    fn from_str(line: &str) -> Result<Step, String> {
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        let numbers: Result<Vec<u32>, _> = words.map(str::parse).collect();
        let numbers = numbers.map_err(|error| format!("{line:?}: {error}"))?;
        Ok(match (name, &*numbers) {
            ("Publish", &[size, variety]) => Publish(size, variety),
            ("Burst", &[count, size, variety]) => Burst(count, size, variety),
            ("Race", &[count, size, variety]) => Race(count, size, variety),
            ("FullDisk", &[size, variety]) => FullDisk(size, variety),
            ("Refused", []) => Refused,
            ("KillInPublish", &[size, variety]) => KillInPublish(size, variety),
            ("OneShot", &[size, variety]) => OneShot(size, variety),
            ("Start", []) => Start,
            ("StartBehind", &[seconds]) => StartBehind(seconds),
            ("StartOther", &[source]) => StartOther(source),
            ("StartUnread", []) => StartUnread,
            ("Override", &[value]) => Override(value),
            ("ClearOverride", []) => ClearOverride,
            ("ExpireOverride", &[value]) => ExpireOverride(value),
            ("KillInOverride", &[value]) => KillInOverride(value),
            ("Supersede", &[variety]) => Supersede(variety),
            ("Close", []) => Close,
            ("Kill", []) => Kill,
            ("Stop", []) => Stop,
            ("Continue", []) => Continue,
            ("Remove", []) => Remove,
            ("RenameAway", []) => RenameAway,
            ("PutBack", []) => PutBack,
            ("Copy", []) => Copy,
            ("Restore", []) => Restore,
            ("Foreign", &[what]) => Foreign(what),
            ("Mode", &[mode]) => Mode(mode),
            ("Open", &[host]) => Open(host),
            ("Attach", &[host]) => Attach(host),
            ("Client", &[host]) => Client(host),
            ("Clone", &[subject]) => Clone(subject),
            ("Drop", &[subject]) => Drop(subject),
            ("Wait", &[subject, size, variety]) => Wait(subject, size, variety),
            ("Host", []) => Host,
            ("Fork", &[host]) => Fork(host),
            ("Exec", &[host]) => Exec(host),
            ("End", &[host]) => End(host),
            ("Sleep", &[host]) => Sleep(host),
            ("Wake", []) => Wake,
            ("Pause", &[milliseconds]) => Pause(milliseconds),
            ("Settle", []) => Settle,
            _ => return Err(format!("no step: {line:?}")),
        })
    }
}
