//! Did you mean: the name closest to a mistyped one.

/// The candidate closest to `wanted` by edits and swapped neighbours (Damerau and Levenshtein, upper and lower case
/// alike), if at most a third of its characters differ; the first of several equally close ones.
pub(crate) fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Longer names are no typing errors, and the distance costs the product of the lengths.
    const MAX_CHARS: usize = 128;
    let wanted = wanted.trim().to_lowercase();
    let length = wanted.chars().count();
    let allowed = (length / 3).max(1);
    if length == 0 || length > MAX_CHARS {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_CHARS)
        .map(|candidate| (strsim::damerau_levenshtein(&wanted, &candidate.trim().to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
