//! TLS in front of a [`FaultServer`](crate::server::FaultServer), with certificates that are good or bad on request.
//!
//! ```no_run
//! use flagstaff_tests::server::FaultServer;
//! use flagstaff_tests::tls::{Authority, TlsFront};
//!
//! let server = FaultServer::start();
//! let authority = Authority::new();
//! let front = TlsFront::start(server.address(), authority.issue("127.0.0.1"));
//! // .. a client that trusts authority.pem() gets the scripts of the server at front.url() ..
//! ```
//!
//! Handshakes that go wrong before any certificate need no TLS: see `Script::unasked`.
//!
//! Files: `authority` certificates, `front` the connections.

#![allow(clippy::expect_used, reason = "a test without its server cannot go on")]

mod authority;
mod front;

pub use authority::{Authority, Identity};
pub use front::TlsFront;
