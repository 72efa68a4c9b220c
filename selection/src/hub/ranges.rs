//! Parts of a file, without the rest of it.

use std::io::Read;

use ureq::Body;
use ureq::http::Response;

use super::client::{MAX_PAGE_BYTES, header};
use super::patience::{Trouble, patiently};
use super::{HubError, Repository};

/// The most bytes of one range.
pub const MAX_RANGE_BYTES: u64 = MAX_PAGE_BYTES;

const CONTENT_RANGE: &str = "content-range";

/// Whether an answer says that it is a range from this byte on.
pub(super) fn begins_at(response: &Response<Body>, start: u64) -> bool {
    header(response, CONTENT_RANGE).is_some_and(|range| range.starts_with(&format!("bytes {start}-")))
}

impl Repository<'_> {
    /// `length` bytes of a file, from the byte `start` on; at most [`MAX_RANGE_BYTES`]. `None` where the server gives only whole
    /// files. Nothing of it is kept in the cache.
    ///
    /// # Errors
    /// [`HubError`]; [`HubError::NotCached`] offline.
    pub fn range(&self, name: &str, start: u64, length: u64) -> Result<Option<Vec<u8>>, HubError> {
        let hub = self.hub();
        let (Some(url), 1..=MAX_RANGE_BYTES) = (self.url(name), length) else { return Err(self.not_cached(name)) };
        let range = format!("bytes={start}-{}", start.saturating_add(length - 1));
        patiently(|| {
            let failed =
                |source: ureq::Error| Trouble::of_connection(hub.settings.request_error(name, Box::new(source)));
            let mut response = hub.request(&url).header("range", &range).call().map_err(failed)?;
            match response.status().as_u16() {
                206 => {}
                200 => return Ok(None),
                _ => return Err(hub.refused(&response, &format!("{range} of {name} of {}", self.id()))),
            }
            if !begins_at(&response, start) {
                let found = format!("the range {:?}", header(&response, CONTENT_RANGE).unwrap_or_default());
                return Err(Trouble::lasting(hub.settings.answer_error(name, found, range.clone())));
            }
            let mut bytes = Vec::new();
            let mut body = response.body_mut().with_config().limit(length.saturating_add(1)).reader();
            body.read_to_end(&mut bytes).map_err(|source| failed(source.into()))?;
            if bytes.len() as u64 != length {
                let found = format!("{} bytes", bytes.len());
                return Err(Trouble::of_connection(hub.settings.answer_error(name, found, format!("{length}"))));
            }
            Ok(Some(bytes))
        })
    }
}
