//! A Hugging Face Hub on 127.0.0.1, with the paths that clients use and the faults that they meet. It ends when it is dropped.

mod files;
mod uploads;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::EsmFolder;
use super::serving::{Bound, Serving};

/// What goes wrong, as often as it says.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// This status, with these headers.
    Status(u16, &'static str),
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// The answer ignores the range that was asked for.
    Whole,
    /// The answer is a shorter range, and says so.
    Short(usize),
    /// The answer says that it is a range from elsewhere.
    Elsewhere,
    /// The answer says that this is the name of the content.
    Named(&'static str),
    /// As many bytes, but others.
    Other,
    /// An answer that does not say how long it is, and never ends.
    Endless,
    /// This, where a listing was asked for.
    Body(String),
    /// An empty page of a listing, with these headers.
    Page(String),
}

/// A repository at its one commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Repository {
    pub(crate) commit: String,
    pub(crate) tags: Vec<String>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    /// Sizes that the listing states instead of the true ones.
    pub(crate) claimed: BTreeMap<String, u64>,
    /// Whether the listing says names alone, as some mirrors do.
    pub(crate) terse: bool,
    /// Whether it takes a token to see it.
    pub(crate) private: bool,
}

impl Repository {
    /// That of a data set with these files, or of one of its branches.
    pub(crate) fn of_files(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let files: BTreeMap<String, Vec<u8>> = files.into_iter().collect();
        let names: String = files.keys().map(String::as_str).collect();
        Self { commit: blake3::hash(names.as_bytes()).to_hex()[..40].to_owned(), files, ..Self::default() }
    }

    /// That of an ESM, as hfselect makes one.
    pub(crate) fn of(esm: &EsmFolder) -> Self {
        let base = esm.config["base_model_name"].as_str().unwrap_or_default();
        let files = [
            ("config.json", esm.config.to_string().into_bytes()),
            ("model.safetensors", esm.safetensors()),
            ("README.md", b"# an ESM".to_vec()),
        ];
        Self {
            commit: blake3::hash(esm.task().as_bytes()).to_hex()[..40].to_owned(),
            tags: vec![
                "embedding_space_map".into(),
                format!("base_model:{base}"),
                format!("base_model:finetune:{base}"),
            ],
            files: files.map(|(name, bytes)| (name.to_owned(), bytes)).into(),
            ..Self::default()
        }
    }
}

pub(crate) struct Loopback {
    shared: Arc<Shared>,
    serving: Serving,
}

struct Shared {
    repositories: Mutex<BTreeMap<String, Repository>>,
    /// The large file storage, by SHA-256.
    stored: Mutex<BTreeMap<String, Vec<u8>>>,
    /// For requests whose path holds this: the faults that are left, the next one first.
    faults: Mutex<Vec<(String, Vec<Fault>)>>,
    requests: Mutex<Vec<String>>,
    /// Bytes of files that were sent.
    sent: AtomicU64,
    page: usize,
    /// Whether files come from another address, as they do from the real one.
    redirects: bool,
    address: Mutex<String>,
}

struct Request {
    method: String,
    path: String,
    query: String,
    body: Vec<u8>,
    range: Option<(usize, Option<usize>)>,
    token: bool,
}

impl Loopback {
    /// With these repositories by id; a listing has so many entries to a page.
    pub(crate) fn new(repositories: impl IntoIterator<Item = (String, Repository)>, page: usize) -> Self {
        let bound = Bound::new();
        let shared = Arc::new(Shared {
            repositories: Mutex::new(repositories.into_iter().collect()),
            stored: Mutex::default(),
            faults: Mutex::default(),
            requests: Mutex::default(),
            sent: AtomicU64::new(0),
            page,
            redirects: true,
            address: Mutex::new(bound.endpoint()),
        });
        let served = Arc::clone(&shared);
        Self { shared, serving: bound.serve(move |stream| served.answer(stream)) }
    }

    /// With an ESM in each repository `owner/NAME`.
    pub(crate) fn of_esms(esms: &[EsmFolder]) -> Self {
        Self::new(esms.iter().map(|esm| (format!("owner/{}", esm.task()), Repository::of(esm))), 1000)
    }

    pub(crate) fn endpoint(&self) -> String {
        self.serving.endpoint()
    }

    /// Puts faults before the right answers to requests whose path holds this.
    pub(crate) fn fails(&self, path: &str, faults: &[Fault]) {
        let faults = faults.iter().rev().cloned().collect();
        self.shared.faults.lock().unwrap().push((path.to_owned(), faults));
    }

    /// The commit of a repository.
    pub(crate) fn commit(&self, id: &str) -> String {
        self.shared.repositories.lock().unwrap()[id].commit.clone()
    }

    /// Changes what a repository holds.
    pub(crate) fn change(&self, id: &str, change: impl FnOnce(&mut Repository)) {
        change(self.shared.repositories.lock().unwrap().get_mut(id).unwrap());
    }

    /// The paths that were asked for since this was asked last.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.requests.lock().unwrap())
    }
}

impl Loopback {
    /// The bytes of files that were sent since this was asked last.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.sent.swap(0, Ordering::SeqCst)
    }
}

impl Loopback {
    /// Puts a repository there.
    pub(crate) fn put(&self, id: &str, repository: Repository) {
        self.shared.repositories.lock().unwrap().insert(id.to_owned(), repository);
    }

    /// What a repository holds.
    pub(crate) fn repository(&self, id: &str) -> Option<Repository> {
        self.shared.repositories.lock().unwrap().get(id).cloned()
    }
}

impl Shared {
    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let request = read(&stream)?;
        self.requests.lock().unwrap().push(request.path.clone());
        let fault = {
            let mut faults = self.faults.lock().unwrap();
            faults.iter_mut().filter(|(path, _)| request.path.contains(path)).find_map(|(_, left)| left.pop())
        };
        if let Some(Fault::Status(status, headers)) = fault {
            write!(stream, "HTTP/1.1 {status} Fault\r\n{headers}")?;
            return send(&mut stream, b"{}", usize::MAX);
        }
        if let Some(Fault::Body(body)) = fault {
            write!(stream, "HTTP/1.1 200 OK\r\n")?;
            return send(&mut stream, body.as_bytes(), usize::MAX);
        }
        if let Some(Fault::Page(headers)) = fault {
            write!(stream, "HTTP/1.1 200 OK\r\n{headers}")?;
            return send(&mut stream, b"[]", usize::MAX);
        }
        let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
        if request.method != "GET" && request.method != "HEAD" {
            return self.take(&mut stream, &parts, &request, fault);
        }
        match parts.as_slice() {
            ["api", "models"] => self.search(&mut stream, &request.query),
            // As models are called that once had no owner.
            ["api", "models", name] => {
                match self.repositories.lock().unwrap().keys().find(|id| id.ends_with(&format!("/{name}"))) {
                    Some(id) => {
                        write!(stream, "HTTP/1.1 307 Temporary Redirect\r\nLocation: /api/models/{id}\r\n")?;
                        send(&mut stream, b"", usize::MAX)
                    }
                    None => refuse(&mut stream, 404),
                }
            }
            ["api", "models", owner, name] => {
                let id = format!("{owner}/{name}");
                match self.repositories.lock().unwrap().contains_key(&id) {
                    true => {
                        write!(stream, "HTTP/1.1 200 OK\r\n")?;
                        send(&mut stream, json!({"id": id}).to_string().as_bytes(), usize::MAX)
                    }
                    false => refuse(&mut stream, 404),
                }
            }
            ["api", "models", owner, name, "revision", revision] => {
                self.listing(&mut stream, &format!("{owner}/{name}"), revision, &request)
            }
            ["api", kind @ "datasets", owner, name, "revision", revision @ ..] => {
                let (id, revision) = (format!("{kind}/{owner}/{name}"), revision.join("/"));
                // Another branch than main is a repository of its own here.
                let branch = format!("{id}@{revision}");
                let found = self.repositories.lock().unwrap().get(&branch).map(|found| found.commit.clone());
                match found {
                    Some(commit) => self.listing(&mut stream, &branch, &commit, &request),
                    None => self.listing(&mut stream, &id, &revision, &request),
                }
            }
            ["cdn", kind @ "datasets", owner, name, commit, file @ ..]
            | [kind @ "datasets", owner, name, "resolve", commit, file @ ..] => {
                let id = self.of_commit(&format!("{kind}/{owner}/{name}"), commit);
                let is_cdn = parts.first() == Some(&"cdn");
                self.file(&mut stream, (&id, commit, &file.join("/")), &request, fault, is_cdn)
            }
            ["cdn", owner, name, commit, file @ ..] | [owner, name, "resolve", commit, file @ ..] => {
                let id = format!("{owner}/{name}");
                let is_cdn = parts.first() == Some(&"cdn");
                self.file(&mut stream, (&id, commit, &file.join("/")), &request, fault, is_cdn)
            }
            _ => refuse(&mut stream, 404),
        }
    }

    fn search(&self, stream: &mut TcpStream, query: &str) -> std::io::Result<()> {
        let value = |key: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(name, _)| *name == key).map(|(_, value)| decoded(value)).collect::<Vec<_>>()
        };
        let (filters, start) = (value("filter"), value("cursor").first().map_or(0, |at| at.parse().unwrap()));
        let repositories = self.repositories.lock().unwrap();
        let fitting = repositories.iter().filter(|(_, repository)| {
            !repository.private && filters.iter().all(|filter| repository.tags.contains(filter))
        });
        let all: Vec<Value> = fitting
            .map(|(id, repository)| json!({"_id": "x", "id": id, "sha": repository.commit, "tags": repository.tags}))
            .collect();
        let page: Vec<&Value> = all.iter().skip(start).take(self.page).collect();
        write!(stream, "HTTP/1.1 200 OK\r\n")?;
        if start + page.len() < all.len() {
            let kept: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("cursor=")).collect();
            let (address, next) = (self.address.lock().unwrap(), start + page.len());
            write!(stream, "Link: <{address}/api/models?{}&cursor={next}>; rel=\"next\"\r\n", kept.join("&"))?;
        }
        send(stream, serde_json::to_string(&page)?.as_bytes(), usize::MAX)
    }
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let line = |reader: &mut BufReader<TcpStream>| -> std::io::Result<String> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    };
    let first = line(&mut reader)?;
    let mut words = first.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: decoded(path),
        query: query.to_owned(),
        body: Vec::new(),
        range: None,
        token: false,
    };
    let (mut length, mut is_chunked) = (0, false);
    loop {
        let line = line(&mut reader)?;
        match line.split_once(": ") {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().unwrap(),
            Some((name, _)) if name.eq_ignore_ascii_case("transfer-encoding") => is_chunked = true,
            Some((name, value)) if name.eq_ignore_ascii_case("expect") => {
                assert_eq!(value, "100-continue");
                stream.try_clone()?.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            Some((name, value)) if name.eq_ignore_ascii_case("range") => {
                let (start, end) = value.trim_start_matches("bytes=").split_once('-').unwrap();
                request.range = Some((start.parse().unwrap(), end.parse().ok()));
            }
            Some((name, value)) if name.eq_ignore_ascii_case("authorization") => {
                request.token = value == "Bearer hf_secret";
            }
            Some(_) => {}
        }
    }
    if is_chunked {
        loop {
            let size = usize::from_str_radix(&line(&mut reader)?, 16).unwrap();
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk)?;
            if size == 0 {
                break;
            }
            request.body.extend(&chunk[..size]);
        }
    } else {
        request.body = vec![0; length];
        reader.read_exact(&mut request.body)?;
    }
    Ok(request)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).unwrap()
}

fn refuse(stream: &mut TcpStream, status: u16) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {status} Refused\r\n")?;
    send(stream, b"{\"error\":\"no\"}", usize::MAX)
}

fn send(stream: &mut TcpStream, body: &[u8], cut: usize) -> std::io::Result<()> {
    write!(stream, "Content-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(&body[..cut.min(body.len())])?;
    stream.flush()
}
