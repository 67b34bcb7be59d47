//! The HTTP API, the streams and the page.

pub(crate) mod answer;
pub(crate) mod endpoint;
pub(crate) mod flag_key;
pub(crate) mod guard;
pub(crate) mod headers;
pub(crate) mod listener;
pub(crate) mod origin;
pub(crate) mod page;
pub(crate) mod read_handlers;
pub(crate) mod refusal;
pub(crate) mod request_body;
pub(crate) mod routes;
pub(crate) mod service;
pub(crate) mod stream;
pub(crate) mod write_handlers;
