//! `esmhub show`: one ESM whole.

mod measured;
mod sought;

use clap::Args;
use esmhub_store_format::card::{Derivation, Fidelity};
use esmhub_store_format::{Card, Digest};
use serde::Serialize;

use self::measured::Measured;
use self::sought::Sought;
use crate::context::Context;
use crate::document::{Document, bytes, count, fields_and_more, strong, time};
use crate::failure::Outcome;
use crate::source::SketchSummary;
use crate::trust::{KeyringSummary, TrustOptions, Verdict, judge};

/// Show one ESM: its card, where it comes from, and what it is worth
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// `name`, `name:tag` or `@digest`; or hf://OWNER/REPO, which an ESM came from
    #[arg(value_name = "REF")]
    reference: Sought,
    #[command(flatten)]
    trust: TrustOptions,
}

#[derive(Serialize)]
struct ShowDocument {
    name: String,
    tag: String,
    digest: Digest,
    yanked: bool,
    entry: u64,
    published: u64,
    publisher: String,
    program: String,
    stored_bytes: Option<u64>,
    other_tags: Vec<String>,
    rank: Option<u32>,
    fidelity: Option<Fidelity>,
    across: Option<f64>,
    derivation: Option<Derivation>,
    sketch: Option<SketchSummary>,
    /// What its signatures sign.
    statement: String,
    signatures: Vec<Verdict>,
    trusted_keys: Option<KeyringSummary>,
    /// What came out on target tasks, after fine-tuning on its source task first.
    outcomes: Vec<Measured>,
    /// Without the bytes of its sketch, which are thousands and tell a person nothing.
    card: Card,
}

impl Show {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (registry, catalog) = context.open_catalog()?;
        let (esm, others_from_there) = self.reference.resolve(&catalog)?;
        let mut card = esm.card()?;
        let sketch = SketchSummary::of(&card);
        card.clear_sketch();
        let keyring = self.trust.keyring(context, &registry)?;
        let others = catalog.tags(esm.name()).filter(|other| other.tag() != esm.tag());
        let code = context.emit(&ShowDocument {
            name: esm.name().to_string(),
            tag: esm.tag().to_string(),
            digest: esm.digest(),
            yanked: esm.is_yanked(),
            entry: esm.entry(),
            published: esm.time(),
            publisher: format!("{}@{}", esm.writer().user, esm.writer().host),
            program: esm.writer().program.clone(),
            stored_bytes: registry.stored_bytes(&card.weights.digest)?,
            other_tags: others.map(|other| other.tag().to_string()).collect(),
            rank: card.weights.rank(),
            across: card.fidelity().and_then(|fidelity| fidelity.across()),
            fidelity: card.fidelity(),
            derivation: card.derivation(),
            sketch,
            statement: esm.statement(),
            signatures: judge(esm, &keyring),
            trusted_keys: keyring.summary().cloned(),
            outcomes: Measured::of(&catalog, esm),
            card,
        })?;
        others_from_there.iter().for_each(|others| context.note(others));
        Ok(code)
    }
}

impl Document for ShowDocument {
    const SCHEMA: &'static str = "esmhub.show/1";

    fn table(&self) -> String {
        let Card { weights, base, source, fit, license, authors, extra, .. } = &self.card;
        let joined = |items: &[String]| (!items.is_empty()).then(|| items.join(", "));
        let on_disk = self.stored_bytes.map_or_else(|| "missing".to_owned(), bytes);
        let dataset = source.dataset.as_ref().map(|dataset| match &source.subset {
            Some(subset) => format!("{dataset} ({subset})"),
            None => dataset.clone(),
        });
        let pooled = base.pooling.map(|pooling| match base.max_length {
            Some(length) => format!("{pooling}, at most {length} tokens"),
            None => pooling.to_string(),
        });
        let held_out = fit
            .held_out
            .map(|h| format!("R2 {:.4}, cosine {:.4} on {} pairs that the fit did not see", h.r2, h.cosine, h.rows));
        let codec = match weights.codec_error {
            0.0 => weights.codec_name(),
            error => format!("{}, which moved the weights by {:.2} %", weights.codec_name(), 100.0 * error),
        };
        let shape = match self.rank {
            Some(rank) => format!("scaled identity and rank {rank}"),
            None => "dense".to_owned(),
        };
        let across = self.across.zip(self.fidelity.as_ref()).map(|(r2, fidelity)| {
            let labelled = fidelity.domains.iter().filter_map(|domain| Some((domain.label.as_ref()?, domain.r2)));
            let each: Vec<String> = labelled.map(|(label, r2)| format!("{label} {r2:.2}")).collect();
            format!("R2 {r2:.4} where the domain was left out: {}", each.join(", "))
        });
        let anchors = fit.anchors.map(|digest| match &self.fidelity {
            Some(fidelity) => format!("{digest}, {} texts", fidelity.anchor_rows),
            None => digest.to_string(),
        });
        let sketched = self.sketch.map(|SketchSummary { texts, hashes }| match u64::from(hashes) == texts {
            true => format!("of all {}", count(texts, "text")),
            false => format!("of {}, {hashes} of them sampled", count(texts, "text")),
        });
        let derived = self.derivation.as_ref().map(|from| format!("by {} from the weights {}", from.how, from.weights));
        let heading = strong(&format!("{}:{}", self.name, self.tag));
        let state = if self.yanked { "  yanked: hidden from rank and from bare names" } else { "" };
        let rows = [
            ("digest", Some(self.digest.to_string())),
            ("base model", Some(base.id.clone())),
            ("base revision", base.revision.clone()),
            ("base digest", base.weights.map(|digest| digest.to_string())),
            ("pooling", pooled),
            ("source", dataset),
            ("source revision", source.revision.clone()),
            ("split", source.split.clone()),
            ("text columns", joined(&source.text_columns)),
            ("label column", source.label_column.clone()),
            ("language", source.language.clone()),
            ("sketch", sketched),
            ("source rows", source.rows.map(|rows| rows.to_string())),
            ("method", Some(fit.method.to_string())),
            ("made by", fit.program.clone()),
            ("penalty", fit.penalty.map(|penalty| format!("{penalty:.4}"))),
            ("held out", held_out),
            ("other domains", across),
            ("anchors", anchors),
            ("derived", derived),
            ("weights", Some(weights.digest.to_string())),
            ("dimension", Some(weights.dimension.to_string())),
            ("shape", Some(shape)),
            ("codec", Some(codec)),
            ("size", Some(format!("{} ({on_disk} on disk)", bytes(weights.bytes)))),
            ("licence", license.clone()),
            ("authors", joined(authors)),
            ("published", Some(format!("{} by {}, log entry {}", time(self.published), self.publisher, self.entry))),
            ("other tags", joined(&self.other_tags)),
        ];
        let outcomes = self.outcomes.iter().map(|measured| ("came out", Some(measured.describe())));
        let extra: Vec<(&str, Option<String>)> = extra.iter().map(|(k, v)| (k.as_str(), Some(v.clone()))).collect();
        let signers = self.signatures.iter().map(|signature| ("signed by", Some(signature.describe())));
        let keys = self.trusted_keys.as_ref().filter(|_| !self.signatures.is_empty()).map(KeyringSummary::describe);
        let rows: Vec<_> = rows.into_iter().chain(outcomes).chain(signers).chain([("trusted keys", keys)]).collect();
        format!("{heading}{state}\n{}", fields_and_more(&rows, "further fields of the card", &extra))
    }

    fn lines(&self) -> Vec<String> {
        vec![self.digest.to_string()]
    }
}
