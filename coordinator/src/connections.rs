//! Connections as clients open them: a bounded number, of each address and in all, and none that says nothing.

use std::io;
use std::net::IpAddr;
#[cfg(test)]
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tamis_common::telemetry::metrics;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::seats::{Seat, Seats};

/// Connections that wait to be served.
const WAITING: usize = 64;
/// After an error of the system, such as too many open files, nothing is accepted for this long.
const PAUSE: Duration = Duration::from_millis(100);

/// How many connections there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// At the same time, in all; further ones wait for others to end.
    pub all: usize,
    /// At the same time, of one address; further ones are closed at once.
    pub of_address: usize,
    /// How long one may be open before its client says something.
    pub silence: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { all: 4_096, of_address: 1_024, silence: Duration::from_secs(10) }
    }
}

/// Accepts connections until the stream is dropped; `server` is what metrics call who serves them.
pub(crate) fn connections(
    listener: TcpListener,
    bounds: Bounds,
    server: &'static str,
) -> impl Stream<Item = io::Result<Connection>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(accept(listener, bounds, server, sender));
    ReceiverStream::new(receiver)
}

async fn accept(
    listener: TcpListener,
    bounds: Bounds,
    server: &'static str,
    sender: mpsc::Sender<io::Result<Connection>>,
) {
    let places = Arc::new(Semaphore::new(bounds.all));
    let addresses = Seats::<IpAddr>::default();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = sender.closed() => return,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Some(seat) = addresses.seat(address.ip(), bounds.of_address) else {
            metrics::CONNECTIONS_REFUSED.add(&[], 1);
            tracing::warn!(%address, most = bounds.of_address, "too many connections of one address");
            continue;
        };
        let open = metrics::Held::of(&metrics::CONNECTIONS, &[("server", server)]);
        let (sender, connection) =
            (sender.clone(), Connection { stream, _place: place, _seat: seat, _open: open });
        tokio::spawn(async move {
            // That it is readable may be said in error: only a byte is certain.
            let speaks = tokio::time::timeout(bounds.silence, connection.stream.peek(&mut [0])).await;
            // Small messages are not held back; a stream that cannot be told so serves as well.
            let _ = connection.stream.set_nodelay(true);
            if let Ok(Ok(1..)) = speaks {
                // Nobody serves any more: it ends here.
                let _ = sender.send(Ok(connection)).await;
            }
        });
    }
}

/// A connection, and its place among all.
pub(crate) struct Connection {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
    _seat: Seat<IpAddr>,
    _open: metrics::Held,
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_stream::StreamExt as _;

    use super::*;

    async fn open(address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        stream
    }

    #[tokio::test]
    async fn an_address_has_so_many_and_all_have_so_many_and_ended_ones_make_room() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut served =
            Box::pin(connections(listener, Bounds { all: 3, of_address: 2, ..Bounds::default() }, "test"));
        let (_first, _second) = (open(address).await, open(address).await);
        let held = [served.next().await.unwrap().unwrap(), served.next().await.unwrap().unwrap()];
        // The third is closed at once: it reads an end, or that it was cut.
        let mut third = open(address).await;
        assert!(matches!(third.read(&mut [0; 1]).await, Ok(0) | Err(_)));
        drop(held);
        let _fourth = open(address).await;
        served.next().await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn who_says_nothing_is_not_served_and_holds_no_place() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let bounds = Bounds { all: 1, of_address: 1, silence: Duration::from_millis(20) };
        let mut served = Box::pin(connections(listener, bounds, "test"));
        let mut silent = TcpStream::connect(address).await.unwrap();
        assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0, "it is closed");
        let _speaks = open(address).await;
        served.next().await.unwrap().unwrap();
    }
}
