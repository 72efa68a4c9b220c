//! A store on 127.0.0.1 that speaks as much of S3's protocol as a registry needs, over a folder: bucket `b` is the folder `b` in it, and
//! a key a file below that. So whoever knows where a registry's files lie finds them, in a bucket as in a directory.
//!
//! It is written from the protocol's own documentation (<https://docs.aws.amazon.com/AmazonS3/latest/API/>), knows nothing of the
//! product, and does what S3 promises: a conditional create is decided by the file system, and a listing shows what was created before
//! it began. It ends when it is dropped.

mod http;
mod keys;

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use self::http::{Answer, Request};
use super::serving::{Bound, Serving};

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is refused with this status, and nothing is done.
    Refused(u16),
    /// It is done, and the connection ends before the answer.
    Lost,
    /// The answer ends within its body.
    Cut,
    /// The connection ends before anything is done.
    Dropped,
    /// The answer comes after so many milliseconds.
    Late(u64),
    /// Whoever asks may do nothing.
    Denied,
    /// The bucket is in another region.
    Elsewhere,
    /// A page for people, as a gateway or a site with one page for everything gives it.
    Page,
}

/// What kind of store it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As S3 is.
    Whole,
    /// One that knows no conditions and overwrites.
    Careless,
}

/// The store.
pub(crate) struct Bucket {
    shared: Arc<Shared>,
    serving: Serving,
}

/// Decides from method and key what happens to a request.
type Fate = dyn Fn(&str, &str) -> Option<Trouble> + Send + Sync;

struct Shared {
    root: PathBuf,
    kind: Kind,
    /// Method and key of every request.
    requests: Mutex<Vec<String>>,
    /// Bytes of all bodies that were sent.
    sent: AtomicU64,
    fate: Mutex<Option<Box<Fate>>>,
    /// Files are written here before they get their names.
    staging: tempfile::TempDir,
}

impl Bucket {
    /// Over a folder.
    pub(crate) fn over(root: &Path, kind: Kind) -> Self {
        // On the same file system, so that a link can give a file its name; and nothing of it is seen in the folder.
        let staging = tempfile::Builder::new().prefix("bucket").tempdir_in(root.parent().unwrap()).unwrap();
        let (requests, fate, sent) = (Mutex::default(), Mutex::default(), AtomicU64::new(0));
        let shared = Arc::new(Shared { root: root.to_owned(), kind, requests, sent, fate, staging });
        let served = Arc::clone(&shared);
        Self { shared, serving: Bound::new().serve(move |stream| served.serve(stream)) }
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> String {
        self.serving.endpoint()
    }

    /// What the environment of a command has to say, so that it finds the store.
    pub(crate) fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", "ada".into()),
            ("AWS_SECRET_ACCESS_KEY", "secret".into()),
            ("AWS_REGION", "here".into()),
        ]
    }

    /// Method and key of every request since this was asked last, `GET pool/log/…`.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.requests.lock().unwrap())
    }

    /// The bytes of the bodies of all answers since this was asked last.
    pub(crate) fn bytes_sent(&self) -> u64 {
        self.shared.sent.swap(0, Ordering::SeqCst)
    }

    /// From now on this decides, by method and key, what happens to a request.
    pub(crate) fn fates(&self, fate: impl Fn(&str, &str) -> Option<Trouble> + Send + Sync + 'static) {
        *self.shared.fate.lock().unwrap() = Some(Box::new(fate));
    }

    /// From now on everything goes well.
    pub(crate) fn heals(&self) {
        *self.shared.fate.lock().unwrap() = None;
    }
}

impl Shared {
    /// Answers one request after the other on a connection.
    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.set_nodelay(true)?;
        let mut reader = std::io::BufReader::new(stream.try_clone()?);
        while let Some(request) = Request::read(&mut reader, &stream)? {
            let what = format!("{} {}", request.method, request.path);
            self.requests.lock().unwrap().push(what);
            let trouble = self.fate.lock().unwrap().as_ref().and_then(|fate| fate(&request.method, &request.path));
            match trouble {
                Some(Trouble::Dropped) => return Ok(()),
                Some(Trouble::Refused(status)) => {
                    Answer::error(status, "SlowDown", "be patient").send(&stream, &request)?
                }
                Some(Trouble::Denied) => Answer::error(403, "AccessDenied", "not yours").send(&stream, &request)?,
                Some(Trouble::Elsewhere) => {
                    let mut answer = Answer::error(301, "PermanentRedirect", "use another endpoint");
                    answer.headers.push(("x-amz-bucket-region", "eu-west-3".into()));
                    answer.send(&stream, &request)?;
                }
                Some(Trouble::Page) => Answer::xml(200, "<html><body>Welcome</body></html>").send(&stream, &request)?,
                Some(Trouble::Lost) => {
                    self.answer(&request);
                    return Ok(());
                }
                Some(Trouble::Cut) => return self.answer(&request).send_half(&stream),
                Some(Trouble::Late(milliseconds)) => {
                    std::thread::sleep(Duration::from_millis(milliseconds));
                    self.answer(&request).send(&stream, &request)?;
                }
                None => {
                    let answer = self.answer(&request);
                    self.sent.fetch_add(answer.body.len() as u64, Ordering::SeqCst);
                    answer.send(&stream, &request)?;
                }
            }
        }
        Ok(())
    }
}
