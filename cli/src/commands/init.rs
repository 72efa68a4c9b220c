//! `esmhub init`: an empty registry.

use std::path::{Path, PathBuf};

use clap::Args;
use esmhub_registry::{Location, Registry, RegistryError, Settings};
use serde::Serialize;

use crate::closed::is_denied;
use crate::context::Context;
use crate::document::Document;
use crate::failure::{Failure, Outcome};
use crate::place::locate;
use crate::values::parse_duration;

/// Make an empty registry; one that is there already is left as it is
#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Where [default: --registry]
    dir: Option<PathBuf>,
    /// Let every member of the group write to it, whatever their umask
    #[arg(long)]
    shared: bool,
    /// How long what is taken out stays recoverable: a number with d, h, m or s
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = parse_duration)]
    grace: u64,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct InitDocument {
    registry: String,
    id: Option<String>,
    created: bool,
    dry_run: bool,
    shared: bool,
    grace_seconds: u64,
}

impl Init {
    pub(crate) fn run(self, context: &Context) -> Outcome<u8> {
        let place = match &self.dir {
            Some(dir) => dir.clone(),
            None => context.place()?.to_owned(),
        };
        let location = locate(&place)?;
        match location {
            Location::Directory(_) => check_folder(&place)?,
            Location::Store(_) if self.shared => {
                return Err(Failure::usage("--shared is for the group of a directory")
                    .hint("who may write to a bucket is for the bucket's own settings to say; leave it out"));
            }
            Location::Store(_) => {}
        }
        let settings = Settings { grace_seconds: self.grace, shared: self.shared };
        let existing = Registry::find(&location, None)?;
        if self.dry_run {
            let kept = existing.as_ref().map_or(settings, Registry::settings);
            return context.emit(&InitDocument {
                registry: place.display().to_string(),
                id: existing.as_ref().map(|registry| registry.id().to_string()),
                created: existing.is_none(),
                dry_run: true,
                shared: kept.shared,
                grace_seconds: kept.grace_seconds,
            });
        }
        if existing.is_none() {
            warn_unless_empty(context, &place);
        }
        let initialised =
            Registry::init(&location, &settings, context.cache()).map_err(|error| not_made(&place, error))?;
        let settings = initialised.registry.settings();
        if !initialised.created && self.shared && !settings.shared {
            context.warn(
                "it was not made with --shared, and stays as it was made: for a group, make another one, and publish there what \
                 `esmhub export` takes out of this one",
            );
        }
        context.emit(&InitDocument {
            registry: initialised.registry.location().to_string(),
            id: Some(initialised.registry.id().to_string()),
            created: initialised.created,
            dry_run: false,
            shared: settings.shared,
            grace_seconds: settings.grace_seconds,
        })
    }
}

impl Document for InitDocument {
    const SCHEMA: &'static str = "esmhub.init/1";

    fn table(&self) -> String {
        let Self { registry, .. } = self;
        match (self.created, self.dry_run) {
            (true, true) => format!("would make an empty registry in {registry}\n"),
            (true, false) => format!("made an empty registry in {registry}\n"),
            (false, _) => format!("there is a registry in {registry}: left as it is\n"),
        }
    }

    fn lines(&self) -> Vec<String> {
        vec![self.registry.clone()]
    }
}

/// The failure to make a registry. There is none yet, so that no owner of it can give anybody a right.
pub(super) fn not_made(location: &Path, error: RegistryError) -> Failure {
    let denied = is_denied(&error);
    let failure = Failure::from(error);
    match denied {
        true => failure.hint(format!(
            "choose a folder that you may write to, or have somebody who may make {} and give it to you",
            location.display()
        )),
        false => failure,
    }
}

/// Warns where a registry is to be made among other things.
pub(super) fn warn_unless_empty(context: &Context, folder: &Path) {
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        context.warn(format!("{} is not empty: a registry is best kept in a folder of its own", folder.display()));
    }
}

/// That a folder can be made: what is there of its path is no file.
pub(super) fn check_folder(folder: &Path) -> Outcome<()> {
    let nearest = folder.ancestors().find_map(|at| Some((at, std::fs::metadata(at).ok()?)));
    match nearest {
        Some((at, found)) if !found.is_dir() => {
            let message = match at == folder {
                true => format!("{} is a file, and a folder is expected", folder.display()),
                false => format!("{}: {} is a file, and a folder is expected", folder.display(), at.display()),
            };
            Err(Failure::usage(message).hint("name a folder that is not there yet, or one that is"))
        }
        _ => Ok(()),
    }
}
