//! What is done with a key, and with a bucket.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::http::{Answer, Request};
use super::{Kind, Shared};

/// Keys to a page of a listing.
const PAGE: usize = 1000;

impl Shared {
    pub(super) fn answer(&self, request: &Request) -> Answer {
        let (bucket, key) = request.path.split_once('/').unwrap_or((&request.path, ""));
        if bucket.is_empty() || bucket.contains("..") || key.split('/').any(|part| part == "..") {
            return Answer::error(400, "InvalidBucketName", "no");
        }
        let place = self.root.join(bucket).join(key);
        match (request.method.as_str(), key) {
            ("GET", "") => self.list(bucket, request),
            ("GET" | "HEAD", _) => get(&place, request),
            ("PUT", _) if request.header("x-amz-copy-source").is_some() => self.copy(&place, request),
            ("PUT", _) => self.put(&place, request),
            ("DELETE", _) => {
                let _ = fs::remove_file(&place);
                Answer::empty(204)
            }
            _ => Answer::error(501, "NotImplemented", "no"),
        }
    }

    fn put(&self, place: &Path, request: &Request) -> Answer {
        let is_conditional = request.header("if-none-match") == Some("*") && self.kind == Kind::Whole;
        self.write(place, &request.body, is_conditional)
    }

    fn copy(&self, place: &Path, request: &Request) -> Answer {
        let source = request.header("x-amz-copy-source").unwrap().trim_start_matches('/');
        let source = percent_encoding::percent_decode_str(source).decode_utf8().unwrap();
        match fs::read(self.root.join(&*source)) {
            Ok(bytes) => {
                self.write(place, &bytes, false);
                Answer::xml(
                    200,
                    "<CopyObjectResult><LastModified>2026-01-01T00:00:00Z</LastModified><ETag>\"x\"</ETag></CopyObjectResult>",
                )
            }
            Err(_) => Answer::error(404, "NoSuchKey", "there is no such key"),
        }
    }

    /// Whole, or not at all; and where there is a condition, by what the file system decides at one moment.
    fn write(&self, place: &Path, bytes: &[u8], is_conditional: bool) -> Answer {
        let staged = tempfile::NamedTempFile::new_in(self.staging.path()).unwrap();
        fs::write(staged.path(), bytes).unwrap();
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        let named = match is_conditional {
            true => fs::hard_link(staged.path(), place),
            false => staged.persist(place).map(drop).map_err(|error| error.error),
        };
        match named {
            Ok(()) => Answer { headers: vec![("ETag", etag(bytes))], ..Answer::empty(200) },
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Answer::error(
                412,
                "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold",
            ),
            Err(error) => Answer::error(500, "InternalError", &error.to_string()),
        }
    }

    fn list(&self, bucket: &str, request: &Request) -> Answer {
        let value = |name: &str| request.query.get(name).map_or("", String::as_str);
        let (prefix, delimiter) = (value("prefix"), value("delimiter"));
        let after = [value("start-after"), value("continuation-token")].into_iter().max().unwrap_or_default();
        let root = self.root.join(bucket);
        let mut keys = Vec::new();
        // Nothing else can have the prefix.
        let folder = prefix.rsplit_once('/').map_or(root.clone(), |(folder, _)| root.join(folder));
        collect(&root, &folder, &mut keys);
        keys.sort();
        let (mut contents, mut folders, mut last, mut is_cut) =
            (String::new(), Vec::<String>::new(), String::new(), false);
        let mut shown = 0;
        for key in keys.iter().filter(|key| key.starts_with(prefix)) {
            let rest = &key[prefix.len()..];
            let folder = (!delimiter.is_empty()).then(|| rest.split_once(delimiter)).flatten();
            let name = match folder {
                Some((first, _)) => format!("{prefix}{first}{delimiter}"),
                None => key.clone(),
            };
            if name.as_str() <= after || folders.last() == Some(&name) {
                continue;
            }
            if shown == PAGE {
                is_cut = true;
                break;
            }
            shown += 1;
            last.clone_from(&name);
            match folder {
                Some(_) => folders.push(name),
                None => contents.push_str(&listed(&root.join(key), key)),
            }
        }
        let folders: String =
            folders.iter().map(|name| format!("<CommonPrefixes><Prefix>{name}</Prefix></CommonPrefixes>")).collect();
        let next =
            if is_cut { format!("<NextContinuationToken>{last}</NextContinuationToken>") } else { String::new() };
        Answer::xml(
            200,
            &format!(
                "<ListBucketResult><IsTruncated>{is_cut}</IsTruncated>{contents}{folders}{next}</ListBucketResult>"
            ),
        )
    }
}

fn get(place: &Path, request: &Request) -> Answer {
    // A plain file alone is an object: a folder is part of keys.
    let Some(found) = fs::metadata(place).ok().filter(fs::Metadata::is_file) else {
        return Answer::error(404, "NoSuchKey", "there is no such key");
    };
    let bytes = match fs::read(place) {
        Ok(bytes) => bytes,
        Err(error) => return Answer::error(500, "InternalError", &error.to_string()),
    };
    let modified = jiff::Timestamp::try_from(found.modified().unwrap()).unwrap();
    let mut headers = vec![
        ("ETag", etag(&bytes)),
        ("Last-Modified", modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()),
        ("Content-Length", bytes.len().to_string()),
    ];
    let range = request.header("range").and_then(|range| range.strip_prefix("bytes=")?.split_once('-'));
    let Some((start, end)) = range else { return Answer { status: 200, headers, body: bytes } };
    let start: usize = start.parse().unwrap();
    let end = end.parse().map_or(bytes.len(), |last: usize| (last + 1).min(bytes.len()));
    headers[2].1 = (end - start).to_string();
    headers.push(("Content-Range", format!("bytes {start}-{}/{}", end - 1, bytes.len())));
    Answer { status: 206, headers, body: bytes[start..end].to_vec() }
}

fn listed(file: &PathBuf, key: &str) -> String {
    let Ok(found) = fs::metadata(file) else { return String::new() };
    let modified = jiff::Timestamp::try_from(found.modified().unwrap()).unwrap();
    format!(
        "<Contents><Key>{key}</Key><LastModified>{}</LastModified><ETag>\"x\"</ETag><Size>{}</Size></Contents>",
        modified.strftime("%Y-%m-%dT%H:%M:%SZ"),
        found.len()
    )
}

fn collect(root: &Path, folder: &Path, keys: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(root, &path, keys);
        } else if path.is_file() {
            keys.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", &blake3::hash(bytes).to_hex()[..32])
}
