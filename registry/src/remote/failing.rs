//! What a store said when it did not do what it was asked, in few words.

use std::error::Error;

use object_store::client::HttpError;
use object_store::client::HttpErrorKind;

use super::Remote;
use super::agent::{Plain, Refusal, last_refusal};
use crate::RegistryError;
use crate::error::StoreFault;

/// The longest text of a store that is repeated.
const MOST: usize = 300;

/// The failure of a request about a place.
pub(crate) fn failed(remote: &Remote, action: &'static str, place: &str, error: &object_store::Error) -> RegistryError {
    let (fault, reason) = reason(error);
    RegistryError::Store { action, place: remote.describe(place), fault, reason }
}

/// What kind of failure it is, and what the store or the way to it says.
pub(super) fn reason(error: &object_store::Error) -> (StoreFault, String) {
    if let Some(plain) = causes(error).find(|cause| cause.is::<Plain>()) {
        return (StoreFault::Plain, plain.to_string());
    }
    if let Some(request) = causes(error).find_map(|cause| cause.downcast_ref::<HttpError>()) {
        let fault = match request.kind() {
            HttpErrorKind::Connect => StoreFault::Unreachable,
            HttpErrorKind::Timeout | HttpErrorKind::Interrupted => StoreFault::Busy,
            _ => StoreFault::Other,
        };
        return (fault, short(&innermost(request).to_string()));
    }
    match last_refusal() {
        Some(Refusal { status, said: body, region }) => {
            let text = said(&body);
            let separator = if text.is_empty() { "" } else { ", " };
            let elsewhere = region
                .filter(|_| of_status(status) == StoreFault::Other)
                .map(|region| format!(". The bucket is in the region {}: set AWS_REGION", short(&region)));
            (of_status(status), format!("status {status}{separator}{text}{}", elsewhere.unwrap_or_default()))
        }
        None => (StoreFault::Other, short(&innermost(error).to_string())),
    }
}

/// Whether the request may have been done or not: no answer came, or only part of it.
pub(super) fn is_unanswered(error: &object_store::Error) -> bool {
    let request = causes(error).find_map(|cause| cause.downcast_ref::<HttpError>());
    request.is_some_and(|error| [HttpErrorKind::Interrupted, HttpErrorKind::Timeout].contains(&error.kind()))
}

/// The status of the answer, where it was a refusal.
pub(super) fn status() -> Option<u16> {
    last_refusal().map(|refusal| refusal.status)
}

fn of_status(status: u16) -> StoreFault {
    match status {
        401 | 403 => StoreFault::Denied,
        404 => StoreFault::Missing,
        408 | 429 | 500..=599 => StoreFault::Busy,
        _ => StoreFault::Other,
    }
}

/// The code and the message of an answer in XML, as all three clouds write them; else the text itself.
fn said(body: &str) -> String {
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text.trim())
    };
    match (element("Code"), element("Message")) {
        (Some(code), Some(message)) => short(&format!("{code}, {message}")),
        (Some(code), None) => short(code),
        _ => short(body),
    }
}

fn short(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(MOST).collect()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    causes(error).last().unwrap_or(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_stores_are_put_briefly() {
        let s3 = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code><Message>The specified bucket\n does not exist</Message></Error>";
        assert_eq!(said(s3), "NoSuchBucket, The specified bucket does not exist");
        assert_eq!(said("  not xml\n at all "), "not xml at all");
        assert_eq!(said(&"x".repeat(10_000)).len(), MOST);
        assert_eq!(said("<Code>A</Message>"), "<Code>A</Message>");
    }
}
