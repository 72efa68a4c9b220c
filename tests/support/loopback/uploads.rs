//! What the hub does with uploads: repositories made, large files stored, commits.

use std::io::Write;
use std::net::TcpStream;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Fault, Repository, Request, Shared, refuse, send};

impl Shared {
    pub(super) fn take(
        &self,
        stream: &mut TcpStream,
        parts: &[&str],
        request: &Request,
        fault: Option<Fault>,
    ) -> std::io::Result<()> {
        let is_storage = parts.first() == Some(&"storage");
        // The storage has addresses that nobody guesses, and must not see the token.
        if request.token == is_storage {
            return refuse(stream, if is_storage { 400 } else { 401 });
        }
        let answer = match parts {
            ["api", "repos", "create"] => self.create(&json_of(&request.body)),
            ["api", "models", _, _, "preupload", "main"] => Ok(modes(&json_of(&request.body))),
            [_, repository, "info", "lfs", "objects", "batch"] if repository.ends_with(".git") => {
                Ok(self.batch(&json_of(&request.body)))
            }
            ["storage", oid] => self.store(oid, &request.body),
            ["verify"] => {
                let asked = json_of(&request.body);
                let stored = self.stored.lock().unwrap();
                let found = stored.get(asked["oid"].as_str().unwrap()).map(Vec::len);
                if found == asked["size"].as_u64().map(|size| size as usize) { Ok(json!({})) } else { Err(422) }
            }
            ["api", "models", owner, name, "commit", "main"] => self.commit(&format!("{owner}/{name}"), &request.body),
            _ => Err(404),
        };
        match answer {
            Ok(answer) => {
                // A lost answer: what was asked for is done.
                let cut = if let Some(Fault::Cut(after)) = fault { after } else { usize::MAX };
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")?;
                send(stream, answer.to_string().as_bytes(), cut)
            }
            Err(status) => refuse(stream, status),
        }
    }

    fn create(&self, asked: &Value) -> Result<Value, u16> {
        let id = format!("{}/{}", asked["organization"].as_str().unwrap(), asked["name"].as_str().unwrap());
        let mut repositories = self.repositories.lock().unwrap();
        if repositories.contains_key(&id) {
            return Err(409);
        }
        let files = [(".gitattributes".to_owned(), b"*.safetensors filter=lfs\n".to_vec())];
        let private = asked["private"] == true;
        repositories.insert(id.clone(), Repository { private, ..Repository::of_files(files) });
        Ok(json!({"url": format!("{}/{id}", self.address.lock().unwrap())}))
    }

    fn batch(&self, asked: &Value) -> Value {
        assert_eq!((&asked["operation"], &asked["hash_algo"]), (&json!("upload"), &json!("sha256")));
        let (address, stored) = (self.address.lock().unwrap(), self.stored.lock().unwrap());
        let objects = asked["objects"].as_array().unwrap().iter().map(|object| {
            let oid = object["oid"].as_str().unwrap();
            match stored.contains_key(oid) {
                true => json!({"oid": oid, "size": object["size"]}),
                false => json!({"oid": oid, "size": object["size"], "actions": {
                    "upload": {"href": format!("{address}/storage/{oid}")},
                    "verify": {"href": format!("{address}/verify")},
                }}),
            }
        });
        json!({"transfer": "basic", "objects": objects.collect::<Vec<_>>()})
    }

    fn store(&self, oid: &str, body: &[u8]) -> Result<Value, u16> {
        if hex(&Sha256::digest(body)) != oid {
            return Err(400);
        }
        self.stored.lock().unwrap().insert(oid.to_owned(), body.to_vec());
        Ok(json!({}))
    }

    fn commit(&self, id: &str, body: &[u8]) -> Result<Value, u16> {
        let mut repositories = self.repositories.lock().unwrap();
        let repository = repositories.get_mut(id).ok_or(404_u16)?;
        for line in std::str::from_utf8(body).unwrap().lines() {
            let operation: Value = serde_json::from_str(line).unwrap();
            let value = &operation["value"];
            let path = || value["path"].as_str().unwrap().to_owned();
            match operation["key"].as_str().unwrap() {
                "header" => {
                    assert!(!value["summary"].as_str().unwrap().is_empty());
                    if value["parentCommit"].as_str().is_some_and(|parent| parent != repository.commit) {
                        return Err(412);
                    }
                }
                "file" => {
                    assert_eq!(value["encoding"], "base64");
                    repository.files.insert(path(), STANDARD.decode(value["content"].as_str().unwrap()).unwrap());
                }
                "lfsFile" => {
                    assert_eq!(value["algo"], "sha256");
                    let stored = self.stored.lock().unwrap();
                    let bytes = stored.get(value["oid"].as_str().unwrap()).ok_or(422_u16)?;
                    assert_eq!(value["size"].as_u64(), Some(bytes.len() as u64));
                    repository.files.insert(path(), bytes.clone());
                }
                other => panic!("{other}"),
            }
        }
        // As git does: a name for the parent and the content.
        let content = format!("{} {:?}", repository.commit, repository.files);
        repository.commit = blake3::hash(content.as_bytes()).to_hex()[..40].to_owned();
        Ok(
            json!({"commitOid": repository.commit, "commitUrl": format!("{}/{id}/commit/{}", self.address.lock().unwrap(), repository.commit)}),
        )
    }
}

/// Weights are large, whatever they weigh, and all else is small: so says .gitattributes.
fn modes(asked: &Value) -> Value {
    let files = asked["files"].as_array().unwrap().iter().map(|file| {
        assert!(STANDARD.decode(file["sample"].as_str().unwrap()).unwrap().len() <= 512);
        let is_large = file["path"].as_str().unwrap().ends_with(".safetensors");
        json!({"path": file["path"], "uploadMode": if is_large { "lfs" } else { "regular" }, "shouldIgnore": false})
    });
    json!({"files": files.collect::<Vec<_>>()})
}

fn json_of(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
