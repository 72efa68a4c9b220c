//! The references of a registry, as far as they can be read at once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use esmhub_registry::{Esm, Registry};

use super::candidates::Candidate;
use crate::document::time;

/// How long the registry may take: whoever pressed a key does not wait longer, and gets no references then.
pub(super) const PATIENCE: Duration = Duration::from_millis(1500);

/// One reference.
struct Known {
    name: String,
    tag: String,
    digest: String,
    /// What a person may want to know of it.
    remark: String,
    /// The base model's id, where it can be read.
    base: Option<String>,
}

/// What there is in a registry, oldest first.
#[derive(Default)]
pub(super) struct References(Vec<Known>);

impl References {
    /// Reads the log. Nothing is written: no index is used, since using one brings it up to date.
    pub(super) fn read(registry: &Path) -> Self {
        let registry = expanded(registry);
        let (done, result) = sync_channel(1);
        thread::spawn(move || {
            let catalog = Registry::open(&registry, None).and_then(|registry| registry.catalog());
            let _ = done.send(catalog.map(|catalog| Self(catalog.esms().map(Known::of).collect())));
        });
        // A file system that does not answer keeps the thread; the process ends without it.
        result.recv_timeout(PATIENCE).ok().and_then(Result::ok).unwrap_or_default()
    }

    /// What a reference that begins like this could be: names first; tags, newest first, where there is but one name or `:`
    /// was typed; digests behind `@`.
    pub(super) fn beginning_with(&self, typed: &str) -> Vec<Candidate> {
        if let Some((spelled, _)) = typed.split_once('@') {
            let fits = |esm: &&Known| spelled.is_empty() || esm.tagged() == spelled || esm.name == spelled;
            let digests = self.0.iter().rev().filter(fits);
            let candidates = digests.map(|esm| Candidate::new(format!("{spelled}@{}", esm.digest), esm.tagged()));
            return candidates.filter(|candidate| candidate.value.starts_with(typed)).collect();
        }
        if let Some((name, _)) = typed.split_once(':') {
            return self.tags(name).filter(|candidate| candidate.value.starts_with(typed)).collect();
        }
        let names = self.names_beginning_with(typed);
        match names.as_slice() {
            [only] => names.iter().cloned().chain(self.tags(&only.value)).collect(),
            _ => names,
        }
    }

    /// The references of a name, the newest first.
    fn tags(&self, name: &str) -> impl Iterator<Item = Candidate> {
        let of_name = self.0.iter().rev().filter(move |esm| esm.name.eq_ignore_ascii_case(name));
        of_name.map(|esm| Candidate::new(esm.tagged(), esm.remark.clone()))
    }

    /// The names that begin like this.
    pub(super) fn names_beginning_with(&self, typed: &str) -> Vec<Candidate> {
        // The first spelling of a name is the one that holds.
        let mut names: BTreeMap<String, (&str, usize)> = BTreeMap::new();
        for esm in &self.0 {
            names.entry(esm.name.to_ascii_lowercase()).or_insert((&esm.name, 0)).1 += 1;
        }
        let fitting = names.into_values().filter(|(name, _)| name.starts_with(typed));
        fitting.map(|(name, tags)| Candidate::new(name, crate::document::count(tags as u64, "tag"))).collect()
    }

    /// The ids of the base models that begin like this.
    pub(super) fn bases_beginning_with(&self, typed: &str) -> Vec<Candidate> {
        let mut bases: BTreeMap<&str, u64> = BTreeMap::new();
        for base in self.0.iter().filter_map(|esm| esm.base.as_deref()).filter(|base| base.starts_with(typed)) {
            *bases.entry(base).or_default() += 1;
        }
        bases.into_iter().map(|(base, esms)| Candidate::new(base, crate::document::count(esms, "ESM"))).collect()
    }
}

impl Known {
    fn of(esm: &Esm) -> Self {
        let date = time(esm.time()).split(' ').next().unwrap_or_default().to_owned();
        Self {
            name: esm.name().to_string(),
            tag: esm.tag().to_string(),
            digest: esm.digest().to_string(),
            remark: if esm.is_yanked() { format!("yanked, published {date}") } else { format!("published {date}") },
            base: esm.card().ok().map(|card| card.base.id),
        }
    }

    fn tagged(&self) -> String {
        format!("{}:{}", self.name, self.tag)
    }
}

/// Scripts hand words on as they were typed: `~/` is still to be replaced.
fn expanded(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), etcetera::home_dir()) {
        (Ok(below), Ok(home)) => home.join(below),
        _ => path.to_owned(),
    }
}
