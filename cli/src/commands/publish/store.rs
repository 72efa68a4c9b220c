//! What was prepared, into the registry.

use esmhub_registry::{NewEsm, PublishOptions, Registry, Sign};
use esmhub_store_format::log::Target;

use super::PublishDocument;
use super::document::describe;
use crate::context::Context;
use crate::failure::Outcome;
use crate::progress;
use crate::trust::SigningKey;

/// Publishes what was prepared as one transaction, and signs it where there is a key.
pub(crate) fn store(
    context: &Context,
    registry: &Registry,
    prepared: Vec<(String, NewEsm)>,
    key: Option<&SigningKey>,
    dry_run: bool,
) -> Outcome<PublishDocument> {
    let (sources, batch): (Vec<String>, Vec<NewEsm>) = prepared.into_iter().unzip();
    let bar = progress::bar(context.shows_progress(), batch.len() as u64, "publishing");
    let sign = key.map(|key| |target: &Target| key.sign(target));
    let options = PublishOptions {
        dry_run,
        sign: sign.as_ref().map(|sign| sign as &Sign<'_>),
        threads: context.threads,
        progress: Some(&|done, _all| bar.set_position(done as u64)),
    };
    let publishing = registry.publish(&batch, &context.signature(), &options)?;
    bar.finish_and_clear();
    context.notice(publishing.notice.as_ref());
    let described = sources.into_iter().zip(&batch).zip(publishing.esms);
    Ok(PublishDocument {
        registry: registry.location().to_string(),
        entries: publishing.entries,
        dry_run,
        skipped: Vec::new(),
        known: 0,
        published: described.map(|((source, esm), done)| describe(source, esm, done)).collect(),
    })
}
