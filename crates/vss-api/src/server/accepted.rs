//! Connections: who is at their other end, and how long they may keep silent.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::sleep;
use tonic::transport::server::Connected;

use crate::server::Peer;
use crate::server::serving::Serving;

/// Length of `PRI * HTTP/2.0…`, with which every HTTP/2 connection begins.
const PREFACE_BYTES: usize = 24;

/// A connection with its peer, as [`Server::serve`](crate::server::Server::serve) takes them.
#[derive(Debug)]
pub struct Accepted<IO> {
    io: IO,
    peer: Peer,
}

impl<IO> Accepted<IO> {
    /// A connection whose peer is known.
    #[must_use]
    pub const fn new(io: IO, peer: Peer) -> Self {
        Self { io, peer }
    }
}

impl<IO> Connected for Accepted<IO> {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Accepted<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

macro_rules! write_through {
    ($name:ident) => {
        impl<IO: AsyncWrite + Unpin> AsyncWrite for $name<IO> {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.io).poll_write(cx, buf)
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                self.io.is_write_vectored()
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.io).poll_flush(cx)
            }

            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.io).poll_shutdown(cx)
            }
        }
    };
}

write_through!(Accepted);
write_through!(Prefaced);

/// What ends a wait.
type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A connection that fails unless the preface arrives in time. From there on pings watch over it.
pub(crate) struct Prefaced<IO> {
    io: IO,
    /// Until the preface is there: the bytes that are missing, and what ends the wait for them.
    waiting: Option<(usize, End)>,
}

impl<IO> Prefaced<IO> {
    /// Starts the clock. A run that stops waits for nobody who has not begun to talk.
    pub(crate) fn new(io: IO, limit: Duration, serving: &Serving) -> Self {
        let stopped = serving.stopped();
        let end = async move {
            tokio::select! {
                () = sleep(limit) => {}
                () = stopped => {}
            }
        };
        Self {
            io,
            waiting: Some((PREFACE_BYTES, Box::pin(end))),
        }
    }
}

impl<IO> fmt::Debug for Prefaced<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prefaced").finish_non_exhaustive()
    }
}

impl<IO: Connected> Connected for Prefaced<IO> {
    type ConnectInfo = IO::ConnectInfo;

    fn connect_info(&self) -> IO::ConnectInfo {
        self.io.connect_info()
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Prefaced<IO> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buf.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buf);
        let Some((missing, end)) = &mut this.waiting else {
            return read;
        };
        if read.is_ready() {
            *missing = missing.saturating_sub(buf.filled().len().saturating_sub(before));
            if *missing == 0 {
                this.waiting = None;
            }
        } else if end.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "no HTTP/2 preface in time",
            )));
        }
        read
    }
}
