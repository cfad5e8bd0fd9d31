//! A TCP proxy that cuts, delays and refuses connections.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::listen::Port;

/// Stands between workers and a coordinator. Its threads end with it.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
    _port: Port,
}

struct Shared {
    upstream: SocketAddr,
    open: Mutex<Vec<TcpStream>>,
    delay_ms: AtomicU64,
    is_parted: AtomicBool,
}

impl Proxy {
    /// One on a free port before `upstream`.
    pub fn start(upstream: SocketAddr) -> Self {
        let shared = Arc::new(Shared {
            upstream,
            open: Mutex::default(),
            delay_ms: AtomicU64::new(0),
            is_parted: AtomicBool::new(false),
        });
        let joining = shared.clone();
        let port = Port::open(move |client| joining.join(client));
        Self { address: port.address, shared, _port: port }
    }

    /// Cuts every open connection.
    pub fn cut(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Everything takes so much longer from now on.
    pub fn delay(&self, ms: u64) {
        self.shared.delay_ms.store(ms, Ordering::Relaxed);
    }

    /// Parts the two sides, or lets them meet again.
    pub fn part(&self, is_parted: bool) {
        self.shared.is_parted.store(is_parted, Ordering::Relaxed);
        if is_parted {
            self.cut();
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.cut();
    }
}

impl Shared {
    fn join(self: &Arc<Self>, client: TcpStream) {
        if self.is_parted.load(Ordering::Relaxed) {
            return;
        }
        let Ok(server) = TcpStream::connect(self.upstream) else { return };
        let mut open = self.open.lock().unwrap();
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            open.push(from.try_clone().unwrap());
            let shared = self.clone();
            thread::spawn(move || shared.copy(from, to));
        }
    }

    fn copy(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 1 << 14];
        while let Ok(length @ 1..) = from.read(&mut bytes) {
            thread::sleep(Duration::from_millis(self.delay_ms.load(Ordering::Relaxed)));
            if to.write_all(&bytes[..length]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }
}
