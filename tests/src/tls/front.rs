//! Takes TLS off, and passes what is in it to another server.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection};

use super::authority::Identity;
use crate::relay::{Open, Relay};

/// The TLS server, until dropped.
pub struct TlsFront {
    relay: Relay,
    handshakes: Arc<Mutex<usize>>,
}

/// One connection, for the threads of both directions.
struct Shared(Mutex<ServerConnection>);

impl TlsFront {
    /// Listens on a free port of 127.0.0.1, and passes everything to `server`.
    pub fn start(server: SocketAddr, identity: Identity) -> TlsFront {
        TlsFront::with(server, identity, Arc::new(NoClientAuth))
    }

    /// As [`TlsFront::start`], and demands a certificate of whoever connects, which nobody has.
    pub fn demanding(server: SocketAddr, identity: Identity) -> TlsFront {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(identity.chain.iter().cloned());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        TlsFront::with(server, identity, clients.expect("a check of clients"))
    }

    fn with(server: SocketAddr, identity: Identity, clients: Arc<dyn ClientCertVerifier>) -> TlsFront {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions of the protocol")
            .with_client_cert_verifier(clients)
            .with_single_cert(identity.chain, identity.key)
            .expect("a certificate and its key");
        let (config, handshakes) = (Arc::new(config), Arc::<Mutex<usize>>::default());
        let done = Arc::clone(&handshakes);
        let relay = Relay::start(move |client, open| serve(client, open, server, &config, &done));
        TlsFront { relay, handshakes }
    }

    /// The base URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("https://{}", self.relay.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.relay.address()
    }

    /// How many clients trusted the certificate so far.
    pub fn handshakes(&self) -> usize {
        *self.handshakes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for TlsFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFront").field("address", &self.address()).finish_non_exhaustive()
    }
}

fn serve(
    client: &TcpStream,
    open: &Open,
    server: SocketAddr,
    config: &Arc<ServerConfig>,
    handshakes: &Mutex<usize>,
) -> io::Result<()> {
    let server = open.connect(server)?;
    let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let connection = Shared(Mutex::new(connection));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // An error is a reset of the server's: then the client gets no proper end either.
            connection.answer(&server, client).ok();
            client.shutdown(Shutdown::Write).ok();
        });
        let result = connection.ask(client, &server, handshakes);
        server.shutdown(Shutdown::Both).ok();
        result
    })
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, ServerConnection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the client to the server.
    fn ask(
        &self,
        mut client: &TcpStream,
        mut server: &TcpStream,
        handshakes: &Mutex<usize>,
    ) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = client.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            let mut piece = &buffer[..count];
            let mut plain = Vec::new();
            let mut connection = self.lock();
            while !piece.is_empty() {
                let was_handshaking = connection.is_handshaking();
                connection.read_tls(&mut piece)?;
                let processed = connection.process_new_packets();
                flush(&mut connection, client)?;
                processed.map_err(io::Error::other)?;
                if was_handshaking && !connection.is_handshaking() {
                    *handshakes.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                }
                match connection.reader().read_to_end(&mut plain) {
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    _ => {}
                }
            }
            drop(connection);
            server.write_all(&plain)?;
        }
    }

    /// From the server to the client.
    fn answer(&self, mut server: &TcpStream, client: &TcpStream) -> io::Result<()> {
        let mut buffer = [0; 16 * 1024];
        loop {
            let count = server.read(&mut buffer)?;
            let mut connection = self.lock();
            if count == 0 {
                connection.send_close_notify();
                return flush(&mut connection, client);
            }
            connection.writer().write_all(&buffer[..count])?;
            flush(&mut connection, client)?;
        }
    }
}

fn flush(connection: &mut ServerConnection, mut client: &TcpStream) -> io::Result<()> {
    while connection.wants_write() {
        connection.write_tls(&mut client)?;
    }
    Ok(())
}
