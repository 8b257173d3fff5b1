//! The least that a call over a connection can cost: a byte there and back.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// A thread that sends every byte back, over loopback TCP.
pub(crate) struct Echo {
    port: u16,
}

impl Echo {
    /// The threads end with their connections, the listener with the process.
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        thread::Builder::new().spawn(move || {
            for stream in listener.incoming().map_while(std::io::Result::ok) {
                // A connection whose thread cannot be had is closed, which its caller sees.
                let _ = stream.set_nodelay(true);
                let _ = thread::Builder::new().spawn(move || send_back(stream));
            }
        })?;
        Ok(Self { port })
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn connect(&self) -> Result<Line<TcpStream>> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port))?;
        stream.set_nodelay(true)?;
        Ok(Line(stream))
    }

    /// The same over a pair of Unix sockets.
    pub(crate) fn unix() -> Result<Line<UnixStream>> {
        let (own, other) = UnixStream::pair()?;
        thread::Builder::new().spawn(move || send_back(other))?;
        Ok(Line(own))
    }
}

fn send_back(mut stream: impl Read + Write) {
    let mut byte = [0];
    while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
}

/// A connection to who sends every byte back.
pub(crate) struct Line<S>(S);

impl<S: Read + Write> Line<S> {
    pub(crate) fn call(&mut self) -> Result<Duration> {
        let start = Instant::now();
        self.0.write_all(&[1])?;
        self.0.read_exact(&mut [0])?;
        Ok(start.elapsed())
    }
}
