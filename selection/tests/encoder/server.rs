//! A hub of one model on 127.0.0.1, with the few answers that a fetch needs. It ends when it is dropped.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::support::golden;

pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

pub(crate) struct Hub {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    id: String,
    files: BTreeMap<String, Vec<u8>>,
    /// A file that is listed one byte longer than it is.
    liar: Mutex<Option<String>>,
    stopped: AtomicBool,
    requests: Mutex<Vec<String>>,
    tokens: Mutex<Vec<String>>,
}

impl Hub {
    /// Serves a golden folder as the model `id`, with one large file more that no encoder needs.
    pub(crate) fn serving(folder: &str, id: &str) -> Self {
        let mut files = BTreeMap::from([("onnx/model.onnx".to_owned(), vec![0; 1 << 20])]);
        collect(&golden(folder), "", &mut files);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shared = Arc::new(Shared {
            id: id.into(),
            files,
            liar: Mutex::default(),
            stopped: AtomicBool::new(false),
            requests: Mutex::default(),
            tokens: Mutex::default(),
        });
        let (address, served) = (listener.local_addr().unwrap(), Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if served.stopped.load(Ordering::SeqCst) {
                    break;
                }
                // A client that goes away is not the server's failure.
                let _ = stream.and_then(|stream| served.answer(stream));
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    pub(crate) fn lying_about(self, file: &str) -> Self {
        *self.shared.liar.lock().unwrap() = Some(file.into());
        self
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The paths that were asked for.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The authorization of every request that had one.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.shared.tokens.lock().unwrap().clone()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.set_write_timeout(Some(Duration::from_secs(10)))?;
        let mut lines = BufReader::new(stream.try_clone()?).lines();
        let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut range = None;
        for line in lines {
            let line = line?;
            match line.split_once(": ") {
                None => break,
                Some((name, value)) if name.eq_ignore_ascii_case("range") => {
                    let (start, end) = value.trim_start_matches("bytes=").split_once('-').unwrap();
                    range = Some((start.parse().unwrap(), end.parse::<usize>().ok()));
                }
                Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                    self.tokens.lock().unwrap().push(value.into());
                }
                Some(_) => {}
            }
        }
        self.requests.lock().unwrap().push(path.clone());
        let file = path.strip_prefix(&format!("/{}/resolve/{COMMIT}/", self.id)).and_then(|name| self.files.get(name));
        if path.starts_with(&format!("/api/models/{}/revision/", self.id)) {
            let listing = self.listing();
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")?;
            send(&mut stream, listing.as_bytes())
        } else if let Some(bytes) = file {
            let (first, last): (usize, _) = range.unwrap_or_default();
            let end = last.map_or(bytes.len(), |last| (last + 1).min(bytes.len()));
            match range {
                None => write!(stream, "HTTP/1.1 200 OK\r\n")?,
                Some(_) => {
                    write!(stream, "HTTP/1.1 206 Partial Content\r\n")?;
                    write!(stream, "Content-Range: bytes {first}-{}/{}\r\n", end.saturating_sub(1), bytes.len())?;
                }
            }
            write!(stream, "ETag: \"{}\"\r\nX-Repo-Commit: {COMMIT}\r\n", blake3::hash(bytes).to_hex())?;
            send(&mut stream, bytes.get(first..end).unwrap_or_default())
        } else {
            let status = if path.contains("private") { "401 Unauthorized" } else { "404 Not Found" };
            write!(stream, "HTTP/1.1 {status}\r\n")?;
            send(&mut stream, b"{}")
        }
    }

    fn listing(&self) -> String {
        let liar = self.liar.lock().unwrap();
        let files = self.files.iter().map(|(name, bytes)| {
            let extra = usize::from(liar.as_ref() == Some(name));
            serde_json::json!({"rfilename": name, "size": bytes.len() + extra})
        });
        serde_json::json!({"id": self.id, "sha": COMMIT, "siblings": files.collect::<Vec<_>>()}).to_string()
    }
}

fn send(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    write!(stream, "Content-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(body)?;
    stream.flush()
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            collect(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(&path).unwrap());
        }
    }
}
