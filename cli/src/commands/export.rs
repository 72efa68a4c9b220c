//! `esmhub export`: ESMs as one self-contained, verified file, which `publish` takes.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use esmhub_store_format::Digest;
use esmhub_store_format::bundle::{self, Bundled};
use esmhub_store_format::log::Published;
use serde::Serialize;

use super::newest::select;
use crate::context::Context;
use crate::document::{Document, bytes, count};
use crate::failure::{Failure, Outcome};
use crate::files::cannot_write;
use crate::trust::RequireOptions;

/// Write ESMs into one file that `esmhub publish` takes, weights and cards as they are
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// `name`, `name:tag`, `@digest`, or a pattern with `*` and `?`
    #[arg(value_name = "REF")]
    reference: String,
    /// The file, by custom with the extension .esm; it must not be there yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    require: RequireOptions,
    /// Check everything and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct ExportDocument {
    file: String,
    bytes: u64,
    dry_run: bool,
    exported: Vec<ExportedEsm>,
}

#[derive(Serialize)]
struct ExportedEsm {
    name: String,
    tag: String,
    digest: Digest,
}

impl Export {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let (registry, catalog) = context.open_catalog()?;
        let guard = self.require.guard(context, &registry)?;
        let esms = select(&catalog, std::slice::from_ref(&self.reference))?;
        if let Some(guard) = guard {
            for esm in &esms {
                guard.check(&catalog, esm).map_err(|failure| failure.at(esm.reference()))?;
            }
        }
        let mut out = Vec::new();
        let mut exported = Vec::new();
        for esm in esms {
            let fetched = registry.fetch(esm).map_err(|error| Failure::from(error).at(esm.reference()))?;
            let card = fetched.card.to_canonical()?;
            let published = Published { name: esm.name().clone(), tag: esm.tag().clone(), card };
            bundle::append(&Bundled { published, object: fetched.object }, &mut out)?;
            exported.push(ExportedEsm {
                name: esm.name().to_string(),
                tag: esm.tag().to_string(),
                digest: esm.digest(),
            });
        }
        let size = out.len() as u64;
        if !self.dry_run {
            self.write(&out)?;
        }
        context.emit(&ExportDocument {
            file: self.file.display().to_string(),
            bytes: size,
            dry_run: self.dry_run,
            exported,
        })
    }

    /// Whole or not at all, and never over a file that is there.
    fn write(&self, bytes: &[u8]) -> Outcome<()> {
        let file = self.file.display();
        let parent = self.file.parent().filter(|parent| !parent.as_os_str().is_empty());
        if parent.is_some_and(|parent| !parent.is_dir()) {
            let missing = parent.unwrap_or(Path::new("")).display();
            return Err(
                Failure::usage(format!("{file}: there is no folder {missing}")).hint("make it first, or name another")
            );
        }
        if self.file.exists() {
            return Err(Failure::usage(format!("{file} is there already")).hint("choose another name, or move it away"));
        }
        self.place(parent, bytes).map_err(|error| cannot_write(&self.file, error))
    }

    fn place(&self, parent: Option<&Path>, bytes: &[u8]) -> std::io::Result<()> {
        let mut staged = tempfile::NamedTempFile::new_in(parent.unwrap_or_else(|| ".".as_ref()))?;
        staged.write_all(bytes)?;
        staged.as_file().sync_all()?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(staged.path(), fs::Permissions::from_mode(0o644))?;
        }
        staged.persist_noclobber(&self.file).map_err(|error| error.error)?;
        Ok(())
    }
}

impl Document for ExportDocument {
    const SCHEMA: &'static str = "esmhub.export/1";

    fn table(&self) -> String {
        let verb = if self.dry_run { "would export" } else { "exported" };
        format!("{verb} {} to {} ({})\n", count(self.exported.len() as u64, "ESM"), self.file, bytes(self.bytes))
    }

    fn lines(&self) -> Vec<String> {
        self.exported.iter().map(|esm| esm.digest.to_string()).collect()
    }
}
