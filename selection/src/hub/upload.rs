//! Uploads: a commit of a few small files.
//!
//! The hub is asked which files belong into its large file storage (git LFS); those go there by their SHA-256, and the commit names them.
//! The others stand in the commit itself. Whatever is asked twice is the same the second time, but for the commit: where its answer is
//! lost, the repository is looked at.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use ureq::http::Method;

use super::names::{check_names, is_commit};
use super::patience::{Trouble, patiently};
use super::{Hub, HubError, Kind};

const JSON: &str = "application/json";
const LFS_JSON: &str = "application/vnd.git-lfs+json";
/// How much of a file the hub looks at, to decide where it belongs.
const SAMPLE: usize = 512;
const MAIN: &str = "main";

/// What an upload became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The commit that holds it.
    pub commit: String,
    /// Whether the repository was made for it.
    pub is_new: bool,
}

/// A file to upload.
struct Upload<'a> {
    name: &'a str,
    bytes: &'a [u8],
    sha256: String,
}

#[derive(Deserialize)]
struct Modes {
    files: Vec<Mode>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mode {
    path: String,
    upload_mode: String,
}

#[derive(Deserialize)]
struct Batch {
    objects: Vec<Object>,
}

#[derive(Deserialize)]
struct Object {
    oid: String,
    actions: Option<Actions>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Actions {
    upload: Action,
    verify: Option<Action>,
}

#[derive(Deserialize)]
struct Action {
    href: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Committed {
    commit_oid: String,
}

/// A request with a body.
struct Sent<'a> {
    /// What it is for, for errors.
    what: &'a str,
    method: Method,
    url: &'a str,
    kind: &'a str,
    body: &'a [u8],
    /// Whether the token goes along.
    is_ours: bool,
}

impl Hub {
    /// Commits files to the main branch of the model `id` (`owner/name`), which is made where it is missing, `private` if so. `parent` is the
    /// commit that the branch is at, where it has one: if it has moved, nothing is committed.
    ///
    /// # Errors
    /// [`HubError`]; [`HubError::Refused`] with 412 where the branch has moved.
    pub fn push(
        &self,
        id: &str,
        private: bool,
        parent: Option<&str>,
        files: &[(&str, &[u8])],
        summary: &str,
    ) -> Result<Pushed, HubError> {
        check_names(id, MAIN)?;
        let offline = || HubError::Offline { what: format!("an upload to {id}") };
        let (false, Some((owner, name))) = (self.is_offline(), id.split_once('/')) else { return Err(offline()) };
        let mut parent = parent.map(str::to_owned);
        let mut is_new = false;
        if parent.is_none() {
            is_new = self.create(owner, name, private)?;
            if !is_new {
                // It is there after all: made by a request whose answer was lost, or somebody else's.
                parent = Some(self.empty(id)?);
            }
        }
        let files: Vec<Upload<'_>> = files
            .iter()
            .map(|&(name, bytes)| Upload { name, bytes, sha256: format!("{:x}", Sha256::digest(bytes)) })
            .collect();
        let large = self.modes(id, &files)?;
        let (large, small): (Vec<_>, Vec<_>) =
            files.iter().partition(|file| large.iter().any(|name| name == file.name));
        self.store(id, &large)?;
        let commit = self.commit(id, parent.as_deref(), (&small, &large), summary)?;
        Ok(Pushed { commit, is_new })
    }

    /// Makes a repository; `false` where it is there already.
    fn create(&self, owner: &str, name: &str, private: bool) -> Result<bool, HubError> {
        let url = format!("{}/api/repos/create", self.settings.endpoint);
        let body = json!({"name": name, "organization": owner, "private": private}).to_string();
        let what = format!("the repository {owner}/{name}");
        let made = self.send(&Sent {
            what: &what,
            method: Method::POST,
            url: &url,
            kind: JSON,
            body: body.as_bytes(),
            is_ours: true,
        });
        match made {
            Ok(_) => Ok(true),
            Err(HubError::Refused { status: 409, .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The commit of a repository that holds nothing yet.
    fn empty(&self, id: &str) -> Result<String, HubError> {
        let repository = self.open(Kind::Model, id, None)?;
        match repository.files()?.iter().all(|name| name == ".gitattributes") {
            true => Ok(repository.commit().to_owned()),
            false => {
                let endpoint = self.settings.endpoint.clone();
                Err(HubError::Refused {
                    endpoint,
                    status: 409,
                    what: format!("the repository {id}, which was not there before"),
                })
            }
        }
    }

    /// The files that belong into the large file storage.
    fn modes(&self, id: &str, files: &[Upload<'_>]) -> Result<Vec<String>, HubError> {
        let url = format!("{}/api/models/{id}/preupload/{MAIN}", self.settings.endpoint);
        let described = files.iter().map(|file| {
            let sample = STANDARD.encode(file.bytes.get(..SAMPLE).unwrap_or(file.bytes));
            json!({"path": file.name, "sample": sample, "size": file.bytes.len()})
        });
        let body = json!({"files": described.collect::<Vec<_>>()}).to_string();
        let modes: Modes = self.ask(id, &url, JSON, body.as_bytes())?;
        let known = |name: &str| modes.files.iter().find(|mode| mode.path == name);
        if let Some(missing) = files.iter().find(|file| known(file.name).is_none()) {
            return Err(self.settings.answer_error(
                id,
                format!("nothing about {}", missing.name),
                "how to upload it".into(),
            ));
        }
        Ok(modes.files.into_iter().filter(|mode| mode.upload_mode == "lfs").map(|mode| mode.path).collect())
    }

    /// Puts files into the large file storage, as far as they are not there.
    fn store(&self, id: &str, files: &[&Upload<'_>]) -> Result<(), HubError> {
        if files.is_empty() {
            return Ok(());
        }
        let objects = files.iter().map(|file| json!({"oid": file.sha256, "size": file.bytes.len()}));
        let body = json!({
            "operation": "upload", "transfers": ["basic"], "hash_algo": "sha256", "ref": {"name": MAIN},
            "objects": objects.collect::<Vec<_>>(),
        });
        let url = format!("{}/{id}.git/info/lfs/objects/batch", self.settings.endpoint);
        let batch: Batch = self.ask(id, &url, LFS_JSON, body.to_string().as_bytes())?;
        for file in files {
            let found = batch.objects.iter().find(|object| object.oid == file.sha256);
            let wrong = |found: String| self.settings.answer_error(file.name, found, "where to upload it".into());
            let object = found.ok_or_else(|| wrong("nothing about it".into()))?;
            if let Some(error) = &object.error {
                return Err(wrong(error.to_string().chars().take(200).collect()));
            }
            // Without actions it is there already.
            let Some(actions) = &object.actions else { continue };
            let to_storage = |what, method, url, kind, body, is_ours| Sent { what, method, url, kind, body, is_ours };
            self.send(&to_storage(
                file.name,
                Method::PUT,
                &actions.upload.href,
                "application/octet-stream",
                file.bytes,
                false,
            ))?;
            if let Some(verify) = &actions.verify {
                let body = json!({"oid": file.sha256, "size": file.bytes.len()}).to_string();
                let is_ours = verify.href.starts_with(&format!("{}/", self.settings.endpoint));
                self.send(&to_storage(file.name, Method::POST, &verify.href, LFS_JSON, body.as_bytes(), is_ours))?;
            }
        }
        Ok(())
    }

    /// The commit that names all files.
    fn commit(
        &self,
        id: &str,
        parent: Option<&str>,
        (small, large): (&[&Upload<'_>], &[&Upload<'_>]),
        summary: &str,
    ) -> Result<String, HubError> {
        let mut header = json!({"summary": summary, "description": ""});
        if let (Some(parent), Some(header)) = (parent, header.as_object_mut()) {
            header.insert("parentCommit".into(), json!(parent));
        }
        let mut lines = vec![json!({"key": "header", "value": header})];
        lines.extend(small.iter().map(|file| {
            let content = STANDARD.encode(file.bytes);
            json!({"key": "file", "value": {"path": file.name, "content": content, "encoding": "base64"}})
        }));
        lines.extend(large.iter().map(|file| {
            let value = json!({"path": file.name, "algo": "sha256", "oid": file.sha256, "size": file.bytes.len()});
            json!({"key": "lfsFile", "value": value})
        }));
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let url = format!("{}/api/models/{id}/commit/{MAIN}", self.settings.endpoint);
        let sent = Sent {
            what: "the commit",
            method: Method::POST,
            url: &url,
            kind: "application/x-ndjson",
            body: body.as_bytes(),
            is_ours: true,
        };
        match self.send_once(&sent) {
            Ok(answer) => {
                let committed: Committed = self.parse(id, &answer)?;
                match is_commit(&committed.commit_oid) {
                    true => Ok(committed.commit_oid),
                    false => Err(self.settings.answer_error(id, committed.commit_oid, "a commit".into())),
                }
            }
            // Either may have happened. A commit that holds the same bytes is this one.
            Err(trouble) if trouble.is_passing() => match self.holds(id, small, large)? {
                Some(commit) => Ok(commit),
                None => Err(trouble.into_error()),
            },
            Err(trouble) => Err(trouble.into_error()),
        }
    }

    /// The commit of the main branch, where it holds exactly these files under their names.
    fn holds(&self, id: &str, small: &[&Upload<'_>], large: &[&Upload<'_>]) -> Result<Option<String>, HubError> {
        let repository = self.open(Kind::Model, id, None)?;
        for file in small.iter().chain(large) {
            if !repository.holds(file.name, file.bytes)? {
                return Ok(None);
            }
        }
        Ok(Some(repository.commit().to_owned()))
    }

    fn ask<T: DeserializeOwned>(&self, what: &str, url: &str, kind: &str, body: &[u8]) -> Result<T, HubError> {
        let answer = self.send(&Sent { what, method: Method::POST, url, kind, body, is_ours: true })?;
        self.parse(what, &answer)
    }

    fn parse<T: DeserializeOwned>(&self, what: &str, answer: &[u8]) -> Result<T, HubError> {
        serde_json::from_slice(answer).map_err(|error| {
            self.settings.answer_error(
                what,
                format!("{} bytes: {error}", answer.len()),
                "what the hub's interface says".into(),
            )
        })
    }

    fn send(&self, sent: &Sent<'_>) -> Result<Vec<u8>, HubError> {
        patiently(|| self.send_once(sent))
    }

    fn send_once(&self, sent: &Sent<'_>) -> Result<Vec<u8>, Trouble> {
        let failed = |source| Trouble::of_connection(self.settings.request_error(sent.what, Box::new(source)));
        let mut request = self
            .request_with_body(&sent.method, sent.url, sent.body.len(), sent.is_ours)
            .header("content-type", sent.kind);
        if sent.kind == LFS_JSON {
            request = request.header("accept", LFS_JSON);
        }
        let mut response = request.send(sent.body).map_err(failed)?;
        if !response.status().is_success() {
            return Err(self.refused(&response, sent.what));
        }
        response.body_mut().with_config().limit(super::client::MAX_PAGE_BYTES).read_to_vec().map_err(failed)
    }
}
