//! Asking the hub.

use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use hf_hub::Cache;
use ureq::config::RedirectAuthHeaders;
use ureq::http::{Method, Response};
use ureq::typestate::{WithBody, WithoutBody};
use ureq::{Agent, Body, RequestBuilder};

use super::HubError;
use super::patience::{Trouble, patiently, retry_after};

/// A page of a listing; that of a repository with tens of thousands of files has a few megabytes.
pub(super) const MAX_PAGE_BYTES: u64 = 16 << 20;
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes a second below which a transfer is given up.
pub(super) const SLOWEST: u64 = 64 << 10;

/// How to reach the hub. The environment is the caller's to read; only a proxy is taken from it, by the HTTP client.
#[derive(Debug, Clone)]
pub struct HubSettings {
    /// The hub's address, such as `https://huggingface.co`.
    pub endpoint: String,
    /// The cache folder, such as `~/.cache/huggingface/hub`.
    pub cache: PathBuf,
    /// The user's access token, for repositories that need one.
    pub token: Option<String>,
    /// Whether to take everything from the cache and ask nobody.
    pub offline: bool,
}

/// The hub, or only its cache. It can be used by several threads at a time.
#[derive(Debug)]
pub struct Hub {
    pub(super) settings: HubSettings,
    pub(super) cache: Cache,
    agent: Agent,
}

/// One answer.
pub(super) struct Page {
    pub(super) body: Vec<u8>,
    /// The address of the next page of a listing.
    pub(super) next: Option<String>,
}

impl Hub {
    /// Asks nobody yet.
    pub fn new(mut settings: HubSettings) -> Self {
        settings.endpoint.truncate(settings.endpoint.trim_end_matches('/').len());
        let cache = Cache::new(settings.cache.clone());
        let agent = Agent::config_builder().redirect_auth_headers(RedirectAuthHeaders::SameHost).build().into();
        Self { settings, cache, agent }
    }

    /// Whether there is a token to show who one is.
    pub fn has_token(&self) -> bool {
        self.settings.token.is_some()
    }

    /// Whether the hub answers at all.
    pub fn is_there(&self) -> bool {
        let asked = self.request(&format!("{}/api/models", self.settings.endpoint)).query("limit", "1").call();
        asked.is_ok_and(|answer| answer.status().as_u16() < 500 && answer.status().as_u16() != 429)
    }

    /// Whether it only looks into its cache.
    pub fn is_offline(&self) -> bool {
        self.settings.offline
    }

    /// What the hub answers; `what` is what it is asked for, for errors.
    pub(super) fn get(&self, what: &str, url: &str, query: &[(&str, &str)]) -> Result<Page, HubError> {
        patiently(|| {
            let request = query.iter().fold(self.request(url), |request, (key, value)| request.query(key, value));
            let failed = |source| Trouble::of_connection(self.settings.request_error(what, Box::new(source)));
            let mut response = request.call().map_err(failed)?;
            let status = response.status().as_u16();
            if status != 200 {
                return Err(self.refused(&response, what));
            }
            let next = header(&response, "link").and_then(next_page);
            let body = response.body_mut().with_config().limit(MAX_PAGE_BYTES).read_to_vec();
            let body = body.map_err(|source| match source {
                // It will be as long the next time.
                ureq::Error::BodyExceedsLimit(_) => {
                    let found = format!("more than {MAX_PAGE_BYTES} bytes");
                    Trouble::lasting(self.settings.answer_error(what, found, "a shorter answer".into()))
                }
                source => failed(source),
            })?;
            Ok(Page { body, next })
        })
    }
}

impl Hub {
    /// An answer whose status is none that was hoped for, as long as it says to wait.
    pub(super) fn refused(&self, response: &Response<Body>, what: &str) -> Trouble {
        let (endpoint, status) = (self.settings.endpoint.clone(), response.status().as_u16());
        let pause = header(response, "retry-after").and_then(retry_after);
        Trouble::of_status(status, pause, HubError::Refused { endpoint, status, what: what.into() })
    }

    pub(super) fn request(&self, url: &str) -> RequestBuilder<WithoutBody> {
        self.prepared(self.agent.get(url), true, TIMEOUT)
    }

    /// A request for a file of which so many bytes are missing. An answer that stops is given up long before the time is up in which a
    /// slow one may end.
    pub(super) fn download(&self, url: &str, bytes: u64) -> RequestBuilder<WithoutBody> {
        let request = self.prepared(self.agent.get(url), true, time_for(bytes));
        request.config().timeout_per_read(Some(TIMEOUT)).build()
    }

    /// A POST, or a PUT, of so many bytes. The token goes along only where it is the hub itself that is asked.
    pub(super) fn request_with_body(
        &self,
        method: &Method,
        url: &str,
        bytes: usize,
        is_hub: bool,
    ) -> RequestBuilder<WithBody> {
        let request = if *method == Method::PUT { self.agent.put(url) } else { self.agent.post(url) };
        self.prepared(request, is_hub, time_for(bytes as u64))
    }

    fn prepared<B>(&self, request: RequestBuilder<B>, is_hub: bool, timeout: Duration) -> RequestBuilder<B> {
        let request = request.header("user-agent", concat!("esmhub/", env!("CARGO_PKG_VERSION")));
        let token = self.settings.token.iter().filter(|_| is_hub).map(|token| format!("Bearer {token}"));
        let request = token.fold(request, |request, token| request.header("authorization", token));
        request.config().http_status_as_error(false).timeout_global(Some(timeout)).build()
    }
}

impl HubSettings {
    pub(super) fn request_error(&self, what: &str, source: Box<dyn Error + Send + Sync>) -> HubError {
        HubError::Request { what: what.into(), endpoint: self.endpoint.clone(), source }
    }

    pub(super) fn answer_error(&self, what: &str, found: String, expected: String) -> HubError {
        HubError::Answer { what: what.into(), endpoint: self.endpoint.clone(), found, expected }
    }
}

fn time_for(bytes: u64) -> Duration {
    TIMEOUT.saturating_add(Duration::from_secs(bytes / SLOWEST))
}

/// A header of an answer, where it is there and is text.
pub(super) fn header<'a>(response: &'a Response<Body>, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// The target of `rel="next"` in a `Link` header (RFC 8288).
fn next_page(link: &str) -> Option<String> {
    link.split(',').find_map(|part| {
        let (target, parameters) = part.trim().strip_prefix('<')?.split_once('>')?;
        let is_next = parameters.split(';').any(|parameter| ["rel=\"next\"", "rel=next"].contains(&parameter.trim()));
        is_next.then(|| target.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_page_is_that_of_its_relation_and_of_no_other() {
        for (link, next) in [
            ("<https://hub/api/models?cursor=a%2C>; rel=\"next\"", Some("https://hub/api/models?cursor=a%2C")),
            ("<https://hub/1>; rel=\"prev\", <https://hub/3>; title=x; rel=next", Some("https://hub/3")),
            ("<https://hub/1>; rel=\"prev\"", None),
            ("https://hub/1; rel=\"next\"", None),
            ("", None),
        ] {
            assert_eq!(next_page(link).as_deref(), next, "{link}");
        }
    }
}
