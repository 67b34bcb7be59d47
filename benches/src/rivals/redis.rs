//! redis over a unix socket: asks another process, one key at a time.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::rival::{Effort, Rival, pairs};
use crate::Outcome;
use crate::child::Killed;

/// A server of our own and a connection to it.
pub(crate) struct Redis {
    _server: Killed,
    link: Link,
}

impl Redis {
    /// Starts a server and sets the flags. `None` if there is no redis-server.
    pub(crate) fn new(folder: &Path, keys: &[String]) -> Outcome<Option<Redis>> {
        let socket = folder.join("redis.sock");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--unixsocket"]).arg(&socket).current_dir(folder);
        let server = match command.stdin(Stdio::null()).stdout(Stdio::null()).spawn() {
            Ok(server) => Killed(server),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("redis-server cannot be started: {error}").into()),
        };
        let mut link = connect(&socket)?;
        for (key, value) in pairs(keys) {
            link.ask(&["SET", &key, if value { "1" } else { "0" }])?;
        }
        Ok(Some(Redis { _server: server, link }))
    }
}

impl Rival for Redis {
    const NAME: &str = "redis over a unix socket";
    const EFFORT: Effort = Effort::REMOTE;

    fn look(&mut self, key: &str) -> Outcome<bool> {
        Ok(self.link.ask(&["GET", key])?.as_deref() == Some(b"1".as_slice()))
    }
}

fn connect(socket: &Path) -> Outcome<Link> {
    let start = Instant::now();
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => return Link::new(stream),
            Err(error) if start.elapsed() > Duration::from_secs(5) => {
                return Err(format!("redis-server does not answer at {}: {error}", socket.display()).into());
            }
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// The protocol of redis, as far as it is needed: arrays of texts there, one value back.
struct Link {
    to: UnixStream,
    from: BufReader<UnixStream>,
    request: Vec<u8>,
    line: String,
}

impl Link {
    fn new(stream: UnixStream) -> Outcome<Link> {
        let from = BufReader::new(stream.try_clone()?);
        Ok(Link { to: stream, from, request: Vec::new(), line: String::new() })
    }

    fn ask(&mut self, words: &[&str]) -> Outcome<Option<Vec<u8>>> {
        self.request.clear();
        write!(self.request, "*{}\r\n", words.len())?;
        for word in words {
            write!(self.request, "${}\r\n{word}\r\n", word.len())?;
        }
        self.to.write_all(&self.request)?;
        self.line.clear();
        self.from.read_line(&mut self.line)?;
        let line = self.line.trim_end();
        match line.split_at_checked(1) {
            Some(("+", _)) | Some(("$", "-1")) => Ok(None),
            Some(("$", length)) => {
                // The value is followed by CR LF.
                let mut value = vec![0; length.parse::<usize>()? + 2];
                self.from.read_exact(&mut value)?;
                value.truncate(value.len() - 2);
                Ok(Some(value))
            }
            _ => Err(format!("redis answered `{line}`").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_are_those_of_the_protocol() {
        let (ours, mut server) = UnixStream::pair().unwrap();
        server.write_all(b"+OK\r\n$1\r\n1\r\n$-1\r\n-ERR no\r\n").unwrap();
        let mut link = Link::new(ours).unwrap();
        assert_eq!(link.ask(&["SET", "a", "1"]).unwrap(), None);
        assert_eq!(link.ask(&["GET", "a"]).unwrap(), Some(b"1".to_vec()));
        assert_eq!(link.ask(&["GET", "b"]).unwrap(), None);
        assert!(link.ask(&["GET", "b"]).unwrap_err().to_string().contains("-ERR no"));
        let mut request = vec![0; 27];
        server.read_exact(&mut request).unwrap();
        assert_eq!(request, b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"[..27]);
    }
}
