//! Loading the catalog: from the index as far as it goes, then from the log.

use std::collections::BTreeMap;

use crate::catalog::Catalog;
use crate::error::ErrorKind;
use crate::index::{Index, IndexError};
use crate::log::{self, Logged};
use crate::parting::{Aside, lost_since, part, stood_before};
use crate::storage::Storage;
use crate::{Notice, Registry, RegistryError, packs, schema};

/// Whether entries may be taken from packs. Who writes, collects or repairs must see what of the log itself cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Packs {
    Used,
    Unused,
}

/// What was loaded, and how the index stands.
pub(crate) struct Loaded {
    pub(crate) catalog: Catalog,
    /// The numbers of the entries, listed before the first one was read: one that is listed and cannot be found is missing.
    pub(crate) numbers: Vec<u64>,
    /// Whether the index holds all that the catalog does, so that what comes next may be added to it.
    pub(crate) is_indexed: bool,
}

/// A catalog as far as the index goes, and whether the index may be written to.
struct Indexed {
    catalog: Catalog,
    writable: bool,
    aside: Option<Aside>,
    /// What the index says, where it was not used.
    unused: Option<Catalog>,
}

impl Indexed {
    fn of(catalog: Catalog, writable: bool) -> Self {
        Self { catalog, writable, aside: None, unused: None }
    }
}

impl Registry {
    /// What the registry holds now.
    ///
    /// Entries that cannot be read are named in [`Catalog::damaged`]; an index that cannot be used is named in
    /// [`Catalog::notice`] and otherwise changes nothing.
    ///
    /// # Errors
    /// [`RegistryError::Newer`] and [`RegistryError::UnknownRecord`] where the log is newer than this program;
    /// [`RegistryError::Unsound`] where it is older than this user has seen it, or its folder is missing;
    /// [`RegistryError::Io`].
    pub fn catalog(&self) -> Result<Catalog, RegistryError> {
        Ok(self.load(Packs::Used)?.catalog)
    }

    /// The catalog, with what a writer needs to go on from it.
    ///
    /// # Errors
    /// As [`Registry::catalog`].
    pub(crate) fn load(&self, packs: Packs) -> Result<Loaded, RegistryError> {
        // Whoever writes must know that no entry has gone; a reader, what is new.
        let known = match packs {
            Packs::Used if self.storage.lists_all() => self.index.as_ref().and_then(Index::last).unwrap_or_default(),
            _ => 0,
        };
        let mut numbers = log::numbers_from(&self.storage, known)?;
        let before_this =
            self.index.as_ref().filter(|index| !index.exists()).and_then(|index| stood_before(index, &self.marker.id));
        let Indexed { mut catalog, writable, aside, unused } = match &self.index {
            Some(index) => self.indexed(index, &numbers)?,
            None => self.unindexed(None),
        };
        if numbers.first().is_some_and(|&first| catalog.last + 1 < first) {
            // The index was of no use.
            numbers = log::numbers(&self.storage)?;
        }
        let Followed { fresh, before } = follow(&mut catalog, &self.storage, &numbers, packs)?;
        if let Some(aside) = aside {
            catalog.notice = Some(Notice::Parted(aside.notice(&catalog)));
        } else if let Some(notice) = before.or(unused).and_then(|before| lost_since(&before, &catalog)) {
            catalog.notice = Some(Notice::Parted(notice));
        } else if let Some(notice) = before_this {
            catalog.notice.get_or_insert(Notice::Parted(notice));
        }
        let mut is_indexed = writable && catalog.damaged.is_empty();
        if is_indexed && let Some(notice) = self.keep(fresh) {
            is_indexed = false;
            catalog.notice.get_or_insert(notice);
        }
        Ok(Loaded { catalog, numbers, is_indexed })
    }

    /// Keeps entries in the index, where there is one; why that could not be done.
    pub(crate) fn keep(&self, frames: Vec<(u64, Vec<u8>)>) -> Option<Notice> {
        let index = self.index.as_ref().filter(|_| !frames.is_empty())?;
        let error = index.write(frames).err()?;
        Some(Notice::Index(format!("the index could not be brought up to date: {error}")))
    }

    fn indexed(&self, index: &Index, numbers: &[u64]) -> Result<Indexed, RegistryError> {
        let mut catalog = Catalog::empty(&self.marker.id);
        loop {
            let mut stopped = None;
            let read = index.read(|number, frame| {
                // Behind an entry that stops it, another one may declare that one lost.
                if let Err(error) = catalog.take(number, Logged::from_frame(number, frame)) {
                    stopped.get_or_insert(error);
                }
                true
            });
            match read {
                Err(error) if error.is_passing() => return Ok(self.unindexed(Some(&error))),
                Err(error) => return Ok(self.rebuilt(index, &error.to_string())),
                Ok(()) if !catalog.is_settled() => catalog = catalog.without_lost(),
                // A later version of this program wrote it.
                Ok(()) if stopped.is_some() => return Ok(self.unindexed(None)),
                // An entry that is lost stands in the index as it was found; any other one must be whole.
                Ok(()) if !catalog.damaged.is_empty() => return Ok(self.rebuilt(index, "it is damaged")),
                Ok(()) => break,
            }
        }
        // The last one of which it is known what it must be: those behind it are lost.
        let (last, digest) = catalog.known;
        if last == 0 {
            return Ok(Indexed::of(catalog, true));
        }
        // What only a lost entry declares lost, who has no index sees only as long as that can be read.
        if catalog.unconfirmed().next().is_some() {
            return Ok(self.unindexed(None));
        }
        match log::read(&self.storage, last) {
            Ok(Some(logged)) if logged.digest == digest => Ok(Indexed::of(catalog, true)),
            // There is more behind it, so that it is a gap like any other; or it is damaged: the index may hold the copy from which
            // it can be repaired.
            Ok(None) if numbers.last().is_some_and(|&there| there > last) => {
                self.parted(index, catalog, numbers, false)
            }
            Err(error) if error.kind() == ErrorKind::Integrity => self.parted(index, catalog, numbers, false),
            // Where nothing parts after all, another command of this user has just put the index aside.
            Ok(Some(_)) => self.parted(index, catalog, numbers, false),
            Ok(None) => self.parted(index, catalog, numbers, true),
            Err(error) => Err(error),
        }
    }

    /// The index does not end with an entry that can be read: it may remember another history. `is_cut`: if not, the log ends too
    /// early.
    fn parted(
        &self,
        index: &Index,
        remembered: Catalog,
        numbers: &[u64],
        is_cut: bool,
    ) -> Result<Indexed, RegistryError> {
        let numbers = log::numbers(&self.storage).unwrap_or_else(|_| numbers.to_vec());
        let there = numbers.last().copied().unwrap_or_default();
        let parting = match part(index, &self.storage, &remembered, &numbers) {
            Ok(parting) => parting?,
            Err(error) => return Ok(self.unindexed(Some(&error))),
        };
        let Some(first) = parting else {
            if !is_cut {
                return Ok(Indexed { unused: Some(remembered), ..self.unindexed(None) });
            }
            let (last, _) = remembered.known;
            return Err(RegistryError::Unsound {
                place: schema::entry(last),
                detail: format!(
                    "it is missing, although it was there when this user last looked; the log ends with entry {there} now"
                ),
                advice: Some(self.advice_on_a_cut(index)),
            });
        };
        let mut catalog = Catalog::empty(&self.marker.id);
        match index.set_aside() {
            Ok(folder) => {
                let aside = Some(Aside { first, remembered, folder });
                Ok(Indexed { aside, ..Indexed::of(catalog, true) })
            }
            Err(error) => {
                catalog.notice = Some(Notice::Parted(format!(
                    "the index remembers another history of this registry from entry {first} on, could not be put aside ({error}), and \
                     was not used: the whole log was read instead"
                )));
                Ok(Indexed::of(catalog, false))
            }
        }
    }

    /// What to do where the log ends before what the index remembers.
    fn advice_on_a_cut(&self, index: &Index) -> String {
        let folder = index.folder().display();
        match self.storage.can_list() {
            true => format!(
                "the registry may have been restored from an older backup: before anybody publishes, `esmhub verify --repair` puts it back \
                 from this user's index; only if what is missing is not to come back at all, move {folder} away, in which it is kept"
            ),
            false => format!(
                "whoever keeps the site has put an older state of it there; to go on with that, move {folder} away, in which what is missing \
                 is kept"
            ),
        }
    }

    /// Without the index, which stays as it is unless the whole log turns out to be whole: then it holds nothing that the log
    /// does not.
    fn unindexed(&self, why: Option<&IndexError>) -> Indexed {
        let mut catalog = Catalog::empty(&self.marker.id);
        let notice = |why| Notice::Index(format!("the index was not used, and the whole log read instead: {why}"));
        catalog.notice = why.map(notice);
        Indexed::of(catalog, why.is_none())
    }

    fn rebuilt(&self, index: &Index, why: &str) -> Indexed {
        let mut catalog = Catalog::empty(&self.marker.id);
        // It may hold the last copy of something, and whoever knows this database can get it out.
        let (outcome, writable) = match index.set_damaged_aside() {
            Ok(Some(folder)) => (format!("the index was put aside in {} and made anew", folder.display()), true),
            Ok(None) => ("the index was deleted and made anew".to_owned(), true),
            Err(_) => {
                ("the index could be neither used nor deleted, and the whole log was read instead".to_owned(), false)
            }
        };
        catalog.notice = Some(Notice::Index(format!("{outcome}: {why}")));
        Indexed::of(catalog, writable)
    }
}

/// What was read.
pub(crate) struct Followed {
    /// The frames of the entries that count, by number.
    pub(crate) fresh: Vec<(u64, Vec<u8>)>,
    /// What the catalog was, where it was read anew because of a loss that was new to it.
    pub(crate) before: Option<Catalog>,
}

/// Reads the entries that the catalog does not have yet, and gives the frames of those that count; of an entry that is lost
/// what stands in its place, if anything can be read. Where the catalog depended on an entry that turns out to be lost, they
/// are the whole log. A missing entry is the end of the log unless one of `numbers` is higher.
pub(crate) fn follow(
    catalog: &mut Catalog,
    storage: &Storage,
    numbers: &[u64],
    packs: Packs,
) -> Result<Followed, RegistryError> {
    let is_indexed = catalog.last > 0;
    let mut before = None;
    let mut fresh = read_on(catalog, storage, numbers, packs);
    if is_indexed && !catalog.is_settled() {
        // An index may hold a declaration that nobody can read any more, and that the new one is about. What it declared lost
        // may have been restored since, and all readers must agree: only what the registry says now counts.
        let anew = catalog.begun_anew();
        before = Some(std::mem::replace(catalog, anew));
        fresh = read_on(catalog, storage, &log::numbers(storage)?, packs);
    }
    while !catalog.is_settled() {
        *catalog = catalog.without_lost();
        fresh = read_on(catalog, storage, &log::numbers(storage)?, packs);
    }
    Ok(Followed { fresh: fresh?, before })
}

/// Reads to the end, from packs where there are some. Where something does not fit then, the entries themselves are read.
fn read_on(
    catalog: &mut Catalog,
    storage: &Storage,
    numbers: &[u64],
    packs: Packs,
) -> Result<Vec<(u64, Vec<u8>)>, RegistryError> {
    let packed = match packs {
        Packs::Used => packs::read(storage, catalog.last, numbers),
        Packs::Unused => BTreeMap::new(),
    };
    if !packed.is_empty() {
        let before = catalog.clone();
        let read = read_entries(catalog, storage, numbers, packed);
        if read.is_ok() && catalog.damaged.len() == before.damaged.len() {
            return read;
        }
        *catalog = before;
    }
    read_entries(catalog, storage, numbers, BTreeMap::new())
}

/// Reads to the end, past what keeps the log from being read as far as it was listed: a later entry may declare that lost. The
/// first such error is only given where none does. Those at hand are not read again.
fn read_entries(
    catalog: &mut Catalog,
    storage: &Storage,
    numbers: &[u64],
    mut at_hand: BTreeMap<u64, Logged>,
) -> Result<Vec<(u64, Vec<u8>)>, RegistryError> {
    let mut frames = Vec::new();
    let mut stopped = None;
    let listed = numbers.last().copied().unwrap_or_default();
    // Of what gives no list nobody knows where it ends: a server that answers whatever is asked for has no end.
    let mut unreadable = 0;
    loop {
        let next = match at_hand.remove(&catalog.last.saturating_add(1)) {
            Some(logged) => Some((logged.entry.number, Ok(logged))),
            // What a store has just listed shows where the log ends; a directory on a network may show that late.
            None if storage.lists_all() && catalog.last >= listed => None,
            None => log::next(storage, catalog.last, numbers),
        };
        let Some((through, read)) = next else { break };
        unreadable = if read.is_err() { unreadable + 1 } else { 0 };
        if unreadable > 1 && !storage.can_list() {
            return read.map(|_| Vec::new());
        }
        let mut frame = read.as_ref().map(|logged| logged.frame.clone()).unwrap_or_default();
        let first = catalog.last + 1;
        match catalog.take(through, read) {
            Ok(true) => frames.extend((first..=catalog.last).map(|number| (number, std::mem::take(&mut frame)))),
            Ok(false) => {}
            Err(error) => {
                stopped.get_or_insert(error);
            }
        }
        // A store that cannot be read at all would have no end.
        if stopped.is_some() && catalog.last >= listed {
            break;
        }
    }
    stopped.map_or(Ok(frames), Err)
}
