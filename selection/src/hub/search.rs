//! Finding repositories by their tags.

use std::collections::HashSet;

use serde::Deserialize;

use super::names::check_names;
use super::{Hub, HubError};

/// The largest answer to a search that is taken: more repositories than there will be of one kind, and more text about them.
const MAX_FOUND: usize = 1_000_000;
const MAX_FOUND_BYTES: usize = 256 << 20;

/// A repository that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Found {
    /// `owner/name`.
    pub id: String,
    /// The commit of its main branch, where the hub says it.
    pub sha: Option<String>,
    /// Its tags, such as `base_model:google-bert/bert-base-uncased`.
    #[serde(default)]
    pub tags: Vec<String>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

impl Hub {
    /// What a model is called now: models that once had no owner, or have moved, answer to their old names as well. `None` where the
    /// hub has no such model, or does not show it.
    ///
    /// # Errors
    /// [`HubError`]; [`HubError::Offline`] where nobody may be asked.
    pub fn current_id(&self, id: &str) -> Result<Option<String>, HubError> {
        check_names(id, "main")?;
        if self.is_offline() {
            return Err(HubError::Offline { what: id.into() });
        }
        let page = match self.get(id, &format!("{}/api/models/{id}", self.settings.endpoint), &[]) {
            Err(HubError::Refused { status: 401 | 403 | 404, .. }) => return Ok(None),
            page => page?,
        };
        let wrong = |found: String| self.settings.answer_error(id, found, "a model with its id".into());
        let named: Named = serde_json::from_slice(&page.body).map_err(|error| wrong(error.to_string()))?;
        check_names(&named.id, "main").map_err(|error| wrong(error.to_string()))?;
        Ok(Some(named.id))
    }

    /// The models that carry all of these tags, in the hub's order. `progress` is told how many were found so far.
    ///
    /// # Errors
    /// [`HubError`]; [`HubError::Offline`] where nobody may be asked.
    pub fn find_models(&self, tags: &[&str], progress: &dyn Fn(u64)) -> Result<Vec<Found>, HubError> {
        const WHAT: &str = "the list of models";
        if self.is_offline() {
            return Err(HubError::Offline { what: WHAT.into() });
        }
        let mut query: Vec<(&str, &str)> = tags.iter().map(|tag| ("filter", *tag)).collect();
        query.extend([("limit", "1000"), ("expand[]", "sha"), ("expand[]", "tags")]);
        let mut url = format!("{}/api/models", self.settings.endpoint);
        let (mut found, mut seen, mut bytes) = (Vec::new(), HashSet::new(), 0);
        loop {
            let page = self.get(WHAT, &url, &query)?;
            let expected = || "a list of models with their ids".to_owned();
            let wrong = |what: String| self.settings.answer_error(WHAT, what, expected());
            let models: Vec<Found> = serde_json::from_slice(&page.body)
                .map_err(|error| wrong(format!("{} bytes: {error}", page.body.len())))?;
            bytes += page.body.len();
            if found.len() + models.len() > MAX_FOUND || bytes > MAX_FOUND_BYTES {
                return Err(wrong(format!("more than {MAX_FOUND} models, or {MAX_FOUND_BYTES} bytes")));
            }
            let before = found.len();
            for model in models {
                check_names(&model.id, "main").map_err(|error| wrong(error.to_string()))?;
                // Pages shift while somebody uploads.
                if seen.insert(model.id.clone()) {
                    found.push(model);
                }
            }
            progress(found.len() as u64);
            let Some(next) = page.next else { return Ok(found) };
            // The token goes along, and nowhere else than to the hub.
            if !next.starts_with(&format!("{}/", self.settings.endpoint)) {
                return Err(wrong(format!("that it goes on at {next}")));
            }
            // Pages are as many as an answer wants, unless each has to bring something.
            if found.len() == before {
                return Err(wrong("that it goes on after a page with nothing new".into()));
            }
            // It holds the whole query.
            (url, query) = (next, Vec::new());
        }
    }
}
