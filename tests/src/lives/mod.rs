//! Subjects that live long, for the test `lives`: flags that follow from two numbers, processes that hold readers and compare every
//! answer with them, and a publisher that does what it is told.
//!
//! `flags` is the oracle's map: what each key holds in each payload. `host` is a process with readers and clients; it forks when it is
//! told, and the child is a host like its parent. `subject` is one reader with its handles, and how it is asked; `expected` is what it
//! has to answer, `look` an answer that may be of several payloads, `race` asks while payloads come. `press` is the publisher, `exceptions`
//! what a subject may do otherwise, and for how long.

pub mod exceptions;
mod expected;
pub mod flags;
pub mod host;
mod look;
pub mod press;
pub mod race;
pub mod subject;
