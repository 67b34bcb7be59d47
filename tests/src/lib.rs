//! What the system tests share: a scripted server over real sockets.

pub mod server;
