//! `esmhub resolve`: the full digest of a reference.

use clap::Args;
use esmhub_store_format::{Digest, Reference};
use serde::Serialize;

use crate::context::Context;
use crate::document::Document;
use crate::failure::Outcome;
use crate::values::parse_reference;

/// Print the full reference that a name, a tag or a few digits stand for
#[derive(Debug, Args)]
pub(crate) struct Resolve {
    /// `name`, `name:tag` or `@digest`
    #[arg(value_name = "REF", value_parser = parse_reference)]
    reference: Reference,
}

#[derive(Serialize)]
struct ResolveDocument {
    name: String,
    tag: String,
    digest: Digest,
    yanked: bool,
}

impl Resolve {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (_, catalog) = context.open_catalog()?;
        let esm = catalog.resolve(&self.reference)?;
        context.emit(&ResolveDocument {
            name: esm.name().to_string(),
            tag: esm.tag().to_string(),
            digest: esm.digest(),
            yanked: esm.is_yanked(),
        })
    }
}

impl Document for ResolveDocument {
    const SCHEMA: &'static str = "esmhub.resolve/1";

    fn table(&self) -> String {
        let yanked = if self.yanked { "  (yanked)" } else { "" };
        format!("{}:{}@{}{yanked}\n", self.name, self.tag, self.digest)
    }

    fn lines(&self) -> Vec<String> {
        vec![self.digest.to_string()]
    }
}
