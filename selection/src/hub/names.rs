//! Ids, revisions and commits, checked before they become parts of paths and addresses.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use super::HubError;

/// What a file's name cannot be within an address; `/` goes on to stand between its folders.
pub(super) const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-').remove(b'~');

/// Refuses all but the plain forms of an id (`name` or `owner/name`) and a revision.
pub(super) fn check_names(id: &str, revision: &str) -> Result<(), HubError> {
    let refused =
        |what, found: &str, expected| Err(HubError::Name { what, found: found.chars().take(128).collect(), expected });
    // The hub has no id with `--`, which parts owner and name in the cache.
    if id.len() > 200 || id.contains("--") || id.split('/').count() > 2 || !id.split('/').all(is_segment) {
        return refused("the id", id, "owner/name of letters, digits, '.', '_' and '-'");
    }
    if revision.len() > 200 || !revision.split('/').all(is_segment) {
        return refused("the revision", revision, "a branch, tag or commit");
    }
    Ok(())
}

fn is_segment(segment: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !segment.is_empty() && !segment.starts_with('.') && !segment.ends_with('.') && segment.chars().all(plain)
}

/// A commit's full name: 40 hexadecimal digits, or 64 where the hub moves to SHA-256.
pub fn is_commit(text: &str) -> bool {
    (40..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit())
}
