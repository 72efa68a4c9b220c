//! Servers on 127.0.0.1: a thread for each connection, until the value goes.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// A port that is listened on, and that nobody answers yet.
pub(crate) struct Bound {
    listener: TcpListener,
    address: SocketAddr,
}

/// A server; it ends when it is dropped.
pub(crate) struct Serving {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Bound {
    /// A free port.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Hands every connection over to `serve`, on a thread of its own.
    pub(crate) fn serve(self, serve: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static) -> Serving {
        let Self { listener, address } = self;
        let (stopped, serve) = (Arc::new(AtomicBool::new(false)), Arc::new(serve));
        let is_over = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    break;
                }
                let one = Arc::clone(&serve);
                // A client that goes away is not the server's failure.
                std::thread::spawn(move || stream.and_then(|stream| one(stream)));
            }
        });
        Serving { address, stopped, thread: Some(thread) }
    }
}

impl Serving {
    /// `http://127.0.0.1:PORT`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
