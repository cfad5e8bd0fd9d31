//! A port of this process that hands each connection on, until its owner goes.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// A free port and the thread that accepts there.
pub(super) struct Port {
    /// Where it listens.
    pub(super) address: SocketAddr,
    is_over: Arc<AtomicBool>,
}

impl Port {
    /// Begins to listen; `serve` must not block.
    pub(super) fn open(serve: impl Fn(TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::<AtomicBool>::default();
        let accepting = is_over.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                if accepting.load(Ordering::Relaxed) {
                    return;
                }
                client.into_iter().for_each(&serve);
            }
        });
        Self { address, is_over }
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.address);
    }
}
