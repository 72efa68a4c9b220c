//! Replay: what each log entry makes of the catalog.
//!
//! The rules, which every reader follows alike:
//! - An entry counts where it is verified in itself and states the digest of the entry before it. One that does not is
//!   *damaged*: it is named, does nothing, and the entry behind it is taken to state its digest rightly.
//! - A tag stands for the first card that was published under it. A record that breaks a rule (a taken tag, a target that
//!   is not there) does nothing.
//! - Signatures accumulate on what they are about. One that does not fit, is there already or is one too many does nothing.
//! - Outcomes add up, until one takes back those like it. One of what was never published does nothing.
//! - The current anchor set of a base model is the one that was named last.
//! - An entry that any entry declares lost does nothing, whatever stands in its place, and so do the digest that it has and the
//!   one that it states. Entries before the declaration may have been read already; then everything is read once more.
//! - What stands behind an origin was copied: it does what it would do without, and keeps who wrote it first and when.
//! - An unknown record stops whom its flags say.

use std::sync::Arc;

use esmhub_store_format::FormatError;
use esmhub_store_format::log::{Action, Loss, Published, Target};

use crate::catalog::{Catalog, Damage};
use crate::error::ErrorKind;
use crate::esm::Stamp;
use crate::history::Written;
use crate::log::{self, Logged};
use crate::{Esm, Event, Happening, RegistryError, State, schema};

impl Catalog {
    /// Takes what was read as the entries from [`Catalog::entries`] + 1 up to `through`, which is one entry, or several that
    /// are missing; of several perhaps only the first ones. Whether it counts: a lost one does.
    ///
    /// # Errors
    /// Everything but damage: what is newer than this program, and what the operating system refused. The entry is passed all the
    /// same, so that a later one can still declare it lost; for anything else this catalog is no good then.
    pub(crate) fn take(&mut self, through: u64, read: Result<Logged, RegistryError>) -> Result<bool, RegistryError> {
        let number = self.last + 1;
        let expected = self.head();
        if let Some(end) = self.lost.end_of(number) {
            // What it declares lost itself was noted when it was read the first time.
            self.last = through.min(end);
            return Ok(true);
        }
        self.last = self.lost.first_after(number).map_or(through, |lost| through.min(lost - 1));
        let logged = match read {
            Ok(logged) => logged,
            Err(error) if error.kind() == ErrorKind::Integrity => {
                return Ok(self.damage(number, error.detail_at(&schema::entry(number))));
            }
            Err(error) => return Err(error),
        };
        let actions: Result<Vec<Action>, FormatError> = logged.entry.actions().collect();
        self.declare(actions.as_deref().unwrap_or_default(), number);
        let stated = logged.entry.previous;
        if let Some(expected) = expected.filter(|expected| *expected != stated) {
            let detail = match number {
                1 => "it begins the log of another registry than the marker is that of".to_owned(),
                _ => format!("it follows {stated}, but entry {} is {expected}", number - 1),
            };
            self.damage(number, detail);
            self.damaged.iter_mut().rev().take(1).for_each(|damage| damage.is_readable = true);
            return Ok(false);
        }
        self.known = (number, logged.digest);
        let actions = match actions {
            Ok(actions) => actions,
            Err(error) => return Ok(self.damage(number, error.to_string())),
        };
        let (digest, time, writer) = (logged.digest, logged.entry.time, Arc::new(logged.entry.writer));
        let own = Stamp { entry: number, time, writer, origin: None };
        let mut stamp = own.clone();
        let mut written = Written { entry: digest, record: 0 };
        for action in actions {
            if let Action::Origin(origin) = action {
                written = Written { entry: origin.digest, record: origin.first };
                stamp = own.of_copy(origin);
                continue;
            }
            self.apply(action, &stamp, written)?;
            written.record = written.record.saturating_add(1);
        }
        Ok(true)
    }

    fn damage(&mut self, entry: u64, detail: String) -> bool {
        self.damaged.push(Damage { entry, through: self.last, detail, is_readable: false });
        false
    }

    /// Notes what an entry declares lost: entries before it.
    fn declare(&mut self, actions: &[Action], entry: u64) {
        for run in log::losses(actions, entry) {
            self.declared.declare(run, entry);
            self.confirmed.declare(run, entry);
        }
    }

    /// Does what a record says, or nothing where it breaks a rule.
    pub(crate) fn apply(&mut self, action: Action, stamp: &Stamp, written: Written) -> Result<(), RegistryError> {
        let entry = stamp.entry;
        let done = match action {
            Action::Publish(published) => self.publish(published, stamp),
            Action::Yank(target) => self.change(target, State::Yanked),
            Action::Unyank(target) => self.change(target, State::Live),
            Action::Remove(target) => self.change(target, State::Removed { entry }),
            Action::Anchors(current) => Ok(self.set_current(current, stamp)),
            Action::Loss(loss) => accepted(loss, entry),
            Action::Signed(signed) => self.attest(signed, stamp),
            Action::Outcome(outcome) => self.note(outcome, stamp),
            // It is about those behind it.
            Action::Origin(_) => return Ok(()),
            Action::Unknown { kind, stops_readers: true, .. } => {
                let stops = "readers";
                return Err(RegistryError::UnknownRecord { entry, kind, stops });
            }
            Action::Unknown { kind, stops_writers, .. } => {
                if stops_writers {
                    self.stops_writers.get_or_insert((entry, kind));
                }
                if std::mem::replace(&mut self.unknown_in, entry) == entry {
                    return Ok(());
                }
                Ok(Happening::Unknown { kind })
            }
        };
        match done {
            Ok(what) => self.events.push(Event {
                entry,
                time: stamp.time,
                writer: Arc::clone(&stamp.writer),
                origin: stamp.origin.clone(),
                written,
                what,
            }),
            Err(detail) if self.damaged.is_empty() && !self.lost.shadows(entry) => {
                self.void.push(Damage { entry, through: entry, detail, is_readable: true });
            }
            // What it does not fit may have stood in the entry that cannot be read: it is not to blame for that.
            Err(_) => {}
        }
        Ok(())
    }

    fn publish(&mut self, published: Published, stamp: &Stamp) -> Result<Happening, String> {
        let digest = published.digest();
        let Published { name, tag, card } = published;
        if let Some(held) = self.tagged(&name, &tag) {
            return Err(format!(
                "{name}:{tag} is published again, it has been {} since entry {}",
                held.digest, held.stamp.entry
            ));
        }
        let at = self.esms.len();
        self.by_tag.insert((name.key(), tag.key()), at);
        self.by_name.entry(name.key()).or_default().push(at);
        self.esms.push(Esm {
            name: name.clone(),
            tag: tag.clone(),
            digest,
            card,
            state: State::Live,
            attestations: Vec::new(),
            stamp: stamp.clone(),
        });
        Ok(Happening::Published(Target { name, tag, digest }))
    }

    fn change(&mut self, target: Target, state: State) -> Result<Happening, String> {
        let Target { name, tag, digest } = &target;
        let held = self.tagged_mut(name, tag);
        let Some(held) = held.filter(|held| held.digest == *digest && !held.is_removed()) else {
            return Err(format!("{name}:{tag}@{digest} is to be changed, but does not stand for that"));
        };
        held.state = state;
        Ok(match state {
            State::Yanked => Happening::Yanked(target),
            State::Live => Happening::Unyanked(target),
            State::Removed { .. } => Happening::Removed(target),
        })
    }
}

fn accepted(loss: Loss, entry: u64) -> Result<Happening, String> {
    match loss.ranges().iter().find(|(_, last)| *last >= entry) {
        Some((first, last)) => Err(format!("entries {first} to {last} are declared lost, which are not before it")),
        None => Ok(Happening::Lost(loss)),
    }
}
