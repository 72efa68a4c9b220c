//! The HTTP client under `object_store`: this program's own, which waits, one request to a thread.

use std::cell::RefCell;
use std::io::{self, Read};
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody, HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use ureq::http::{Method, Request, Uri};
use ureq::{Agent, BodyReader};

use super::listing;
use crate::workers::SYNCS;

/// How long it may take to reach a store. A machine that is no cloud's has nobody at the address where clouds tell machines who
/// they are, and should not wait long for that.
const CONNECT: Duration = Duration::from_secs(10);
const CONNECT_METADATA: Duration = Duration::from_secs(2);
/// How long nothing may come.
const SILENCE: Duration = Duration::from_secs(30);
/// How long the beginning of an answer may take, and from when on the rest must come at so many bytes per second: a store that sends
/// a byte now and then would hold a command for ever.
const BEGINNING: Duration = Duration::from_secs(30);
const LEAST_PER_SECOND: u64 = 1024;
/// Bytes of an answer that are read at a time, and the most that are read of one that says what is wrong.
const CHUNK: usize = 64 << 10;
/// A page of a list has at most some 5,000 names.
const MOST_OF_A_LIST: u64 = 32 << 20;

/// What a store said when it refused.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) said: String,
    /// The region in which the bucket is, where it said that.
    pub(super) region: Option<String>,
}

thread_local! {
    /// The last answer on this thread, where it was a refusal: `object_store` keeps it as a text within texts.
    static REFUSAL: RefCell<Option<Refusal>> = const { RefCell::new(None) };
}

/// What the store said to the last request of this thread, where that was refused.
pub(super) fn last_refusal() -> Option<Refusal> {
    REFUSAL.with_borrow(Clone::clone)
}

/// Makes the client.
#[derive(Debug)]
pub(super) struct Connector {
    /// A static site may have moved; where requests are signed, a redirect is for `object_store` to understand.
    pub(super) follows_redirects: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let allows_plain = options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|value| value == "true");
        let asks_metadata = allows_plain
            && options.get_config_value(&ClientConfigKey::ConnectTimeout).is_some_and(|timeout| timeout == "1s");
        let connect = if asks_metadata { CONNECT_METADATA } else { CONNECT };
        let config = || {
            Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(if self.follows_redirects { 5 } else { 0 })
                .max_redirects_will_error(false)
                .timeout_connect(Some(connect))
                .timeout_recv_response(Some(BEGINNING))
                .timeout_per_read(Some(SILENCE))
                .timeout_per_write(Some(SILENCE))
                .max_idle_connections(2 * SYNCS)
                .max_idle_connections_per_host(SYNCS)
                .user_agent(concat!("esmhub/", env!("CARGO_PKG_VERSION")))
                .https_only(self.follows_redirects && !allows_plain)
        };
        let (agent, direct) = (config().build().into(), config().proxy(None).build().into());
        Ok(HttpClient::new(Client { agent, direct, follows_redirects: self.follows_redirects, allows_plain }))
    }
}

#[derive(Debug)]
struct Client {
    agent: Agent,
    /// The same without a proxy, for this machine, and for where clouds tell machines who they are: a proxy would be told that it is.
    direct: Agent,
    follows_redirects: bool,
    /// Whether requests may go unencrypted to other machines.
    allows_plain: bool,
}

/// An answer that is no list.
#[derive(Debug, thiserror::Error)]
#[error("the answer is no list of what is there (ListObjectsV2), or one that does not say how it goes on")]
struct NoListing;

/// An answer that would take for ever.
#[derive(Debug, thiserror::Error)]
#[error("the answer comes too slowly, at less than {LEAST_PER_SECOND} bytes a second")]
struct TooSlow;

/// An address without TLS that nobody has allowed.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not encrypted, and whoever is on the way could change what is read and written")]
pub(super) struct Plain(String);

impl Client {
    fn require_encryption(&self, uri: &Uri) -> Result<(), HttpError> {
        let host = host_of(uri);
        if uri.scheme_str() == Some("https") || is_here(host) || self.allows_plain {
            return Ok(());
        }
        Err(HttpError::new(HttpErrorKind::Unknown, Plain(format!("http://{host}"))))
    }
}

fn host_of(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_matches(['[', ']'])
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Whether a host is this machine, or one that only this machine has beside it.
fn is_near(host: &str) -> bool {
    is_here(host) || host == "metadata.google.internal" || host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_link_local())
}

#[async_trait]
impl HttpService for Client {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        self.require_encryption(&parts.uri)?;
        let agent = if is_near(host_of(&parts.uri)) { &self.direct } else { &self.agent };
        let asked = parts.uri.query().map(str::to_owned);
        let asks_list =
            asked.as_ref().is_some_and(|query| ["list-type=2", "comp=list"].iter().any(|asked| query.contains(asked)));
        let answer = if [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method) {
            let body = body.collect().await?.to_bytes();
            agent.run(Request::from_parts(parts, body.as_ref()))
        } else {
            agent.run(Request::from_parts(parts, ()))
        };
        REFUSAL.with_borrow_mut(|refusal| *refusal = None);
        let (parts, body) = answer.map_err(failed)?.into_parts();
        let length = body.content_length();
        let is_moved = parts.status.is_redirection() && !self.follows_redirects;
        if parts.status.is_client_error() || parts.status.is_server_error() || is_moved {
            let mut said = Vec::new();
            // What cannot be read of it is not worth another error.
            let _ = body.into_reader().take(CHUNK as u64).read_to_end(&mut said);
            let said = String::from_utf8_lossy(&said).into_owned();
            let region = parts.headers.get("x-amz-bucket-region").and_then(|region| region.to_str().ok());
            let region = region.filter(|_| !parts.status.is_server_error()).map(str::to_owned);
            let refusal = Refusal { status: parts.status.as_u16(), said: said.clone(), region };
            REFUSAL.with_borrow_mut(|last| *last = Some(refusal));
            return Ok(HttpResponse::from_parts(parts, said.into()));
        }
        if asks_list {
            let mut page = String::new();
            let read = body.into_reader().take(MOST_OF_A_LIST + 1).read_to_string(&mut page);
            read.map_err(broken_off)?;
            let asked = asked.unwrap_or_default();
            return match listing::readable(&page, &asked).filter(|_| page.len() as u64 <= MOST_OF_A_LIST) {
                Some(page) => Ok(HttpResponse::from_parts(parts, page.into())),
                None => Err(HttpError::new(HttpErrorKind::Decode, NoListing)),
            };
        }
        let body = Incoming { reader: Mutex::new(body.into_reader()), left: length, since: Instant::now(), read: 0 };
        Ok(HttpResponse::from_parts(parts, HttpResponseBody::new(body)))
    }
}

/// An answer that is still coming.
struct Incoming {
    /// A body must be usable from several threads, which nobody does.
    reader: Mutex<BodyReader<'static>>,
    /// How much is to come, where that was said.
    left: Option<u64>,
    /// When it began, and how much has come.
    since: Instant,
    read: u64,
}

impl Body for Incoming {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        // Whatever else comes: so much was promised, and room made for no more.
        if self.left == Some(0) {
            return Poll::Ready(None);
        }
        let wanted = self.left.map_or(CHUNK, |left| CHUNK.min(usize::try_from(left).unwrap_or(CHUNK)).max(1));
        let mut chunk = vec![0; wanted];
        let reader = self.reader.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        Poll::Ready(match read_some(reader, &mut chunk) {
            Ok(0) => None,
            Ok(read) => {
                chunk.truncate(read);
                self.left = self.left.map(|left| left.saturating_sub(read as u64));
                self.read += read as u64;
                let late = self.since.elapsed().saturating_sub(BEGINNING).as_secs();
                if self.read < late.saturating_mul(LEAST_PER_SECOND) {
                    return Poll::Ready(Some(Err(HttpError::new(HttpErrorKind::Timeout, TooSlow))));
                }
                Some(Ok(Frame::data(chunk.into())))
            }
            Err(error) => Some(Err(broken_off(error))),
        })
    }
}

fn read_some(reader: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    loop {
        match reader.read(chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// Which requests may be repeated is for `object_store` to know; what happened to this one, for us.
fn failed(error: ureq::Error) -> HttpError {
    use ureq::Timeout;
    let kind = match &error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => HttpErrorKind::Connect,
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => HttpErrorKind::Connect,
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::Io(error) => kind_of(error),
        // An answer that ends within its headers.
        ureq::Error::Protocol(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}

fn broken_off(error: io::Error) -> HttpError {
    HttpError::new(kind_of(&error), error)
}

fn kind_of(error: &io::Error) -> HttpErrorKind {
    use io::ErrorKind as Io;
    match error.kind() {
        Io::ConnectionRefused | Io::HostUnreachable | Io::NetworkUnreachable | Io::AddrNotAvailable => {
            HttpErrorKind::Connect
        }
        Io::TimedOut | Io::WouldBlock => HttpErrorKind::Timeout,
        Io::ConnectionReset | Io::ConnectionAborted | Io::BrokenPipe | Io::UnexpectedEof => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    }
}
