//! What the hub gives of a repository: the list of its files, and files.

use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::Ordering;

use serde_json::json;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::{Fault, Request, Shared, refuse, send};

/// Whether a file lies in the large file storage, as .gitattributes says.
fn is_large(name: &str) -> bool {
    [".safetensors", ".parquet"].iter().any(|end| name.ends_with(end))
}

/// What the hub calls a file's content.
fn digest_of(name: &str, bytes: &[u8]) -> String {
    match is_large(name) {
        true => format!("{:x}", Sha256::digest(bytes)),
        false => {
            format!("{:x}", Sha1::new_with_prefix(format!("blob {}\0", bytes.len())).chain_update(bytes).finalize())
        }
    }
}

impl Shared {
    /// The repository, or the branch of it, that has this commit.
    pub(super) fn of_commit(&self, id: &str, commit: &str) -> String {
        let repositories = self.repositories.lock().unwrap();
        let is_it = |name: &str| name == id || name.strip_prefix(id).is_some_and(|rest| rest.starts_with('@'));
        let found = repositories.iter().find(|(name, repository)| is_it(name) && repository.commit == commit);
        found.map_or_else(|| id.to_owned(), |(name, _)| name.clone())
    }

    pub(super) fn listing(
        &self,
        stream: &mut TcpStream,
        id: &str,
        revision: &str,
        request: &Request,
    ) -> std::io::Result<()> {
        let found = self.repositories.lock().unwrap().get(id).cloned();
        match found {
            Some(found) if found.private && !request.token => refuse(stream, 401),
            Some(found) if revision == "main" || revision == found.commit => {
                let files = found.files.iter().map(|(name, bytes)| {
                    let size = found.claimed.get(name).copied().unwrap_or(bytes.len() as u64);
                    let digest = digest_of(name, bytes);
                    match (found.terse, is_large(name)) {
                        (true, _) => json!({"rfilename": name}),
                        (false, false) => json!({"rfilename": name, "size": size, "blobId": digest}),
                        (false, true) => json!({"rfilename": name, "size": size, "blobId": "0".repeat(40), "lfs": {
                            "sha256": digest, "size": size, "pointerSize": 130,
                        }}),
                    }
                });
                let listing = json!({"id": id, "sha": found.commit, "siblings": files.collect::<Vec<_>>()});
                write!(stream, "HTTP/1.1 200 OK\r\n")?;
                send(stream, listing.to_string().as_bytes(), usize::MAX)
            }
            _ => refuse(stream, 404),
        }
    }

    pub(super) fn file(
        &self,
        stream: &mut TcpStream,
        (id, commit, file): (&str, &str, &str),
        request: &Request,
        fault: Option<Fault>,
        is_cdn: bool,
    ) -> std::io::Result<()> {
        let found = self.repositories.lock().unwrap().get(id).cloned();
        let found = found.filter(|found| [found.commit.as_str(), "main"].contains(&commit));
        let Some(found) = found else { return refuse(stream, 404) };
        let (Some(bytes), commit) = (found.files.get(file), &found.commit) else { return refuse(stream, 404) };
        let hash = if let Some(Fault::Named(name)) = fault { name.to_owned() } else { digest_of(file, bytes) };
        // Large files come from elsewhere.
        if self.redirects && !is_cdn && is_large(file) {
            let (address, id) = (self.address.lock().unwrap(), id.split('@').next().unwrap());
            write!(stream, "HTTP/1.1 302 Found\r\nLocation: {address}/cdn/{id}/{commit}/{file}\r\n")?;
            write!(stream, "X-Linked-Etag: \"{hash}\"\r\nX-Repo-Commit: {commit}\r\n")?;
            write!(stream, "X-Linked-Size: {}\r\n", bytes.len())?;
            return send(stream, b"", usize::MAX);
        }
        let cut = if let Some(Fault::Cut(after)) = fault { after } else { usize::MAX };
        let (first, last) = request.range.filter(|_| !matches!(fault, Some(Fault::Whole))).unwrap_or_default();
        let mut end = last.map_or(bytes.len(), |last| (last + 1).min(bytes.len()));
        if let Some(Fault::Short(length)) = fault {
            end = first + length;
        }
        let is_part = request.range.is_some() && !matches!(fault, Some(Fault::Whole));
        let status = if is_part { "206 Partial Content" } else { "200 OK" };
        write!(stream, "HTTP/1.1 {status}\r\nETag: \"{hash}\"\r\nX-Repo-Commit: {commit}\r\n")?;
        if is_part {
            let stated = if matches!(fault, Some(Fault::Elsewhere)) { first + 1000 } else { first };
            write!(stream, "Content-Range: bytes {stated}-{}/{}\r\n", end.saturating_sub(1), bytes.len())?;
        }
        let part = bytes.get(first..end).unwrap_or_default();
        if request.method == "HEAD" {
            write!(stream, "Content-Length: {}\r\nConnection: close\r\n\r\n", part.len())?;
            return stream.flush();
        }
        if matches!(fault, Some(Fault::Endless)) {
            write!(stream, "Connection: close\r\n\r\n")?;
            loop {
                self.sent.fetch_add(stream.write(&[0; 1 << 16])? as u64, Ordering::SeqCst);
            }
        }
        let other = vec![b'?'; part.len()];
        let part = if matches!(fault, Some(Fault::Other)) { &other } else { part };
        self.sent.fetch_add(part.len().min(cut) as u64, Ordering::SeqCst);
        send(stream, part, cut)
    }
}
