//! Puts the API key into the request at the last moment.
//!
//! ureq logs the bytes of each request at its finest level, and a program may show that log. So the request is made with a
//! placeholder of the same length, and this layer, outside of everything that logs, replaces it in the bytes that are sent.

use std::io::ErrorKind;

use ureq::Error;
use ureq::http::{HeaderValue, header::HeaderName};
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use super::api_key::ApiKey;

pub(super) const NAME: HeaderName = HeaderName::from_static("x-api-key");

const BEFORE_VALUE: &[u8] = b"\r\nx-api-key: ";
const PLACEHOLDER: u8 = b'*';

/// What stands for the key until it is sent.
pub(super) fn placeholder(key: &ApiKey) -> Option<HeaderValue> {
    HeaderValue::from_bytes(&vec![PLACEHOLDER; key.expose().len()]).ok()
}

/// The last connector of the chain: it sees requests before TLS does, and errors after it.
#[derive(Debug)]
pub(super) struct KeyConnector(pub(super) Option<ApiKey>);

impl<In: Transport> Connector<In> for KeyConnector {
    type Out = KeyTransport<In>;

    fn connect(&self, _: &ConnectionDetails<'_>, chained: Option<In>) -> Result<Option<Self::Out>, Error> {
        Ok(chained.map(|inner| KeyTransport { inner, key: self.0.clone() }))
    }
}

/// Replaces the first placeholder that is sent.
#[derive(Debug)]
pub(super) struct KeyTransport<In> {
    inner: In,
    key: Option<ApiKey>,
}

impl<In: Transport> Transport for KeyTransport<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let place = self.key.as_ref().and_then(|key| place_of(&self.inner.buffers().output()[..amount], key));
        let Some((key, start)) = place.and_then(|start| Some((self.key.take()?, start))) else {
            return self.inner.transmit_output(amount, timeout);
        };
        let key = key.expose().as_bytes();
        self.inner.buffers().output()[start..start + key.len()].copy_from_slice(key);
        let sent = self.inner.transmit_output(amount, timeout);
        // One copy of the key less in memory.
        self.inner.buffers().output()[start..start + key.len()].fill(PLACEHOLDER);
        sent
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.inner.await_input(timeout).map_err(no_end)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

/// Of a body without length, ureq takes a reset, and TLS that was cut off, for the end that the server meant. Whoever reads the log
/// should see the difference, so such an error goes up as one of no known kind.
fn no_end(error: Error) -> Error {
    match error {
        Error::Io(error)
            if matches!(
                error.kind(),
                ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::UnexpectedEof
            ) =>
        {
            Error::Io(std::io::Error::other(error))
        }
        error => error,
    }
}

/// Where the value starts, if all of it is the placeholder.
fn place_of(request: &[u8], key: &ApiKey) -> Option<usize> {
    let start =
        request.windows(BEFORE_VALUE.len()).position(|bytes| bytes == BEFORE_VALUE)? + BEFORE_VALUE.len();
    let value = request.get(start..start + key.expose().len())?;
    value.iter().all(|byte| *byte == PLACEHOLDER).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_complete_placeholder_in_its_header_is_replaced() {
        let key = ApiKey::new("abc").unwrap();
        assert_eq!(place_of(b"GET / HTTP/1.1\r\nx-api-key: ***\r\n\r\n", &key), Some(27));
        for request in [
            &b"GET / HTTP/1.1\r\nx-api-key: **\r\n\r\n"[..],
            b"\r\nx-api-key: **",
            b"x-api-key: ***",
            b"CONNECT h:1",
        ] {
            assert_eq!(place_of(request, &key), None);
        }
    }
}
