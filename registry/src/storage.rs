//! Files that are created once and never changed, on a disk or in an object store. The one home of `object_store`.
//!
//! [`Storage::create`] never replaces a file, and what it acknowledges is on stable storage; where the file was there
//! already, that one is made to last. Many files are created in the same three steps, each of which is taken for all of them
//! before the last one: [`Storage::write`], [`Storage::link`], [`Storage::settle_names`]. What a local disk needs for that
//! beyond `object_store` stands in [`crate::disk`]. All of it is synchronous.

mod creating;

use std::io;
use std::path::Path;
use std::time::SystemTime;

use futures::TryStreamExt;
use futures::executor::block_on;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

pub(crate) use self::creating::Creation;
use crate::RegistryError;
use crate::disk::{Disk, Listed};
use crate::error::io_cause;
use crate::location::{Location, StoreAddress};
use crate::remote::{self, Remote};

/// A registry's files.
pub(crate) struct Storage {
    store: Box<dyn ObjectStore>,
    /// Where the files lie on a disk; `None` for an object store, whose conditional create needs no help.
    disk: Option<Disk>,
    /// Over which network they are reached; `None` on a disk, and in memory.
    remote: Option<Remote>,
}

impl Storage {
    /// The files below a directory that exists. `shared`: what is written is for the directory's group.
    pub(crate) fn on_disk(root: &Path, shared: bool) -> Result<Self, RegistryError> {
        if root.to_str().is_none() {
            return Err(RegistryError::Location { location: root.to_owned(), detail: "the path is not UTF-8" });
        }
        let store = LocalFileSystem::new_with_prefix(root)
            .map_err(|error| RegistryError::io("open the directory", root, error))?;
        Ok(Self { store: Box::new(store), disk: Some(Disk::new(root, shared)), remote: None })
    }

    /// The files below an address. Nothing is asked yet.
    pub(crate) fn at_address(address: &StoreAddress) -> Result<Self, RegistryError> {
        let (store, remote) = remote::open(address)?;
        Ok(Self { store, disk: None, remote: Some(remote) })
    }

    /// The files of a registry whose location is canonical.
    pub(crate) fn at(location: &Location, shared: bool) -> Result<Self, RegistryError> {
        match location {
            Location::Directory(root) => Self::on_disk(root, shared),
            Location::Store(address) => Self::at_address(address),
        }
    }

    /// The files in an object store.
    #[cfg(test)]
    pub(crate) fn in_store(store: Box<dyn ObjectStore>) -> Self {
        Self { store, disk: None, remote: None }
    }

    /// A file's bytes; `None` where there is none. Its size is checked before anything is allocated for it.
    ///
    /// # Errors
    /// [`RegistryError::Unsound`] where it has more than `limit` bytes or is not a plain file; [`RegistryError::Io`].
    pub(crate) fn read(&self, place: &str, limit: u64) -> Result<Option<Vec<u8>>, RegistryError> {
        if let Some(disk) = &self.disk
            && disk.metadata(place)?.is_none()
        {
            return Ok(None);
        }
        let failed = |error| self.failed("read it", place, error);
        let got = match self.wait(self.store.get(&Key::from(place))) {
            Ok(got) => got,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if got.meta.size > limit {
            let detail = format!("it has {} bytes, at most {limit} are expected", got.meta.size);
            return Err(RegistryError::unsound(place, detail));
        }
        Ok(Some(self.wait(got.bytes()).map_err(failed)?.into()))
    }

    /// A file's size in bytes; `None` where there is none.
    pub(crate) fn size(&self, place: &str) -> Result<Option<u64>, RegistryError> {
        match &self.disk {
            Some(disk) => Ok(disk.metadata(place)?.map(|found| found.len())),
            None => match self.wait(self.store.head(&Key::from(place))) {
                Ok(meta) => Ok(Some(meta.size)),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(self.failed("look at it", place, error)),
            },
        }
    }

    /// The names in a folder, sorted; none where there is no folder.
    pub(crate) fn names(&self, folder: &str) -> Result<Vec<Listed>, RegistryError> {
        if let Some(disk) = &self.disk {
            return disk.names(folder);
        }
        if let Some(remote) = self.remote.as_ref().filter(|remote| !remote.lists) {
            return Err(RegistryError::NoListing { place: remote.describe(folder) });
        }
        let listed = self
            .wait(self.store.list_with_delimiter(Some(&Key::from(folder))))
            .map_err(|error| self.failed("list it", folder, error))?;
        let name = |key: &Key| key.filename().unwrap_or_default().to_owned();
        let folders = listed.common_prefixes.iter().map(|prefix| (name(prefix), true));
        let files = listed.objects.iter().map(|object| (name(&object.location), false));
        let mut names: Vec<Listed> = folders.chain(files).map(|(name, is_folder)| Listed { name, is_folder }).collect();
        names.sort();
        Ok(names)
    }

    /// The names of the files in a folder of an object store that sort behind a name, sorted.
    pub(crate) fn names_behind(&self, folder: &str, name: &str) -> Result<Vec<String>, RegistryError> {
        let (folder_key, offset) = (Key::from(folder), Key::from(format!("{folder}/{name}")));
        let listed = self.wait(self.store.list_with_offset(Some(&folder_key), &offset).try_collect::<Vec<_>>());
        let listed = listed.map_err(|error| self.failed("list it", folder, error))?;
        let in_it = listed.iter().filter_map(|object| {
            let mut parts = object.location.prefix_match(&folder_key)?;
            let name = parts.next()?.as_ref().to_owned();
            parts.next().is_none().then_some(name)
        });
        let mut names: Vec<String> = in_it.collect();
        names.sort();
        Ok(names)
    }

    /// Whether they are on a disk or in memory, and reading many costs little more than reading one.
    pub(crate) fn is_local(&self) -> bool {
        self.remote.is_none()
    }

    /// Whether a listing shows all that was written before it began, as object stores promise.
    pub(crate) fn lists_all(&self) -> bool {
        self.remote.as_ref().is_some_and(|remote| remote.lists)
    }

    /// Whether it can be said what a folder holds.
    pub(crate) fn can_list(&self) -> bool {
        self.remote.as_ref().is_none_or(|remote| remote.lists)
    }

    /// Whether there is a folder; in an object store any folder is there.
    pub(crate) fn has_folder(&self, folder: &str) -> Result<bool, RegistryError> {
        self.disk.as_ref().map_or(Ok(true), |disk| disk.has_folder(folder))
    }

    /// When a file was last written, by the clock of what stores it; `None` where there is none.
    pub(crate) fn modified(&self, place: &str) -> Result<Option<SystemTime>, RegistryError> {
        match &self.disk {
            Some(disk) => match disk.metadata(place)? {
                Some(found) => Ok(Some(
                    found.modified().map_err(|error| RegistryError::io("look at it", disk.path(place), error))?,
                )),
                None => Ok(None),
            },
            None => match self.wait(self.store.head(&Key::from(place))) {
                Ok(meta) => Ok(Some(meta.last_modified.into())),
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                Err(error) => Err(self.failed("look at it", place, error)),
            },
        }
    }

    /// Gives a file another name, under which it lasts before it is gone from the first one; whether it was there.
    ///
    /// It replaces what has that name. So the caller must know that the file is what that name stands for.
    pub(crate) fn relocate(&self, from: &str, to: &str) -> Result<bool, RegistryError> {
        if let Some(disk) = &self.disk {
            return disk.relocate(from, to);
        }
        self.require_writable()?;
        let (source, target) = (Key::from(from), Key::from(to));
        match self.persist(|| self.store.copy(&source, &target)) {
            Ok(()) => {}
            Err(object_store::Error::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(self.failed("move it", from, error)),
        }
        self.remove(from)?;
        Ok(true)
    }

    /// Copies a file as it is, damaged or not, to a name that is free; whether it was there.
    pub(crate) fn preserve(&self, from: &str, to: &str) -> Result<bool, RegistryError> {
        if let Some(disk) = &self.disk {
            return disk.preserve(from, to);
        }
        self.require_writable()?;
        let (source, target) = (Key::from(from), Key::from(to));
        match self.persist(|| self.store.copy(&source, &target)) {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed("copy it", from, error)),
        }
    }

    /// Whether the way to a place leads over folders of the registry, and no link.
    pub(crate) fn is_reachable(&self, place: &str) -> bool {
        self.disk.as_ref().is_none_or(|disk| disk.require_folders(place).is_ok())
    }

    /// Puts a file where a link or a folder stands, which gets another name; `false` where somebody was faster.
    pub(crate) fn displace(&self, place: &str, bytes: &[u8], aside: &str) -> Result<bool, RegistryError> {
        // In an object store there are no such things.
        self.disk.as_ref().map_or(Ok(false), |disk| disk.displace(place, bytes, aside))
    }

    /// Writes a file in the place of one that may be there, which is replaced whole or not at all.
    ///
    /// It replaces what has that name, which is for what the name itself says the content of.
    pub(crate) fn replace(&self, place: &str, bytes: Vec<u8>) -> Result<(), RegistryError> {
        match &self.disk {
            Some(disk) => {
                let staged = disk.stage(place, &bytes)?;
                disk.relocate(&staged.name, place).map(|_| ())
            }
            None => {
                self.require_writable()?;
                let (key, bytes) = (Key::from(place), PutPayload::from(bytes));
                let put = self.persist(|| self.store.put(&key, bytes.clone()));
                put.map(|_| ()).map_err(|error| self.failed("write it", place, error))
            }
        }
    }

    /// Deletes a file; whether it was there. That it stays deleted after a power loss is not waited for.
    pub(crate) fn remove(&self, place: &str) -> Result<bool, RegistryError> {
        if let Some(disk) = &self.disk {
            return disk.remove(place);
        }
        self.require_writable()?;
        let key = Key::from(place);
        match self.persist(|| self.store.delete(&key)) {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(self.failed("delete it", place, error)),
        }
    }

    /// Deletes a folder if it is empty.
    pub(crate) fn remove_empty(&self, folder: &str) -> Result<(), RegistryError> {
        self.disk.as_ref().map_or(Ok(()), |disk| disk.remove_empty(folder))
    }

    /// Makes folders, so that later writers find them.
    pub(crate) fn ensure_folder(&self, folder: &str) -> Result<(), RegistryError> {
        self.disk.as_ref().map_or(Ok(()), |disk| disk.ensure_folder(folder))
    }

    /// Makes a folder that has a file from the beginning; `false` where there is one now, or none is needed.
    pub(crate) fn create_folder_with(&self, folder: &str, place: &str, bytes: &[u8]) -> Result<bool, RegistryError> {
        self.disk.as_ref().map_or(Ok(false), |disk| disk.create_folder_with(folder, place, bytes))
    }

    /// Sees to it that a file that is there lasts, before anything that relies on it is acknowledged.
    pub(crate) fn settle(&self, place: &str) -> Result<(), RegistryError> {
        self.disk.as_ref().map_or(Ok(()), |disk| disk.settle(place))
    }

    /// The same of its bytes alone; whether it is there.
    pub(crate) fn settle_bytes(&self, place: &str) -> Result<bool, RegistryError> {
        match &self.disk {
            Some(disk) => disk.settle_bytes(place),
            None => Ok(true),
        }
    }

    /// The same of the names of files whose bytes are known to last, and of their folders' names. A folder is synced once,
    /// however many of the files it holds.
    pub(crate) fn settle_names<'a>(&self, places: impl IntoIterator<Item = &'a str>) -> Result<(), RegistryError> {
        self.disk.as_ref().map_or(Ok(()), |disk| disk.settle_names(places))
    }

    /// Sees to it that nothing can be overwritten by what comes next; for a disk the file system is asked as each file is created.
    fn require_writable(&self) -> Result<(), RegistryError> {
        self.remote.as_ref().map_or(Ok(()), |remote| remote.require_writable(self.store.as_ref()))
    }

    /// Runs a request to its end. A disk's are done on this thread, where there must be no runtime that would move them to others.
    fn wait<T>(&self, request: impl Future<Output = object_store::Result<T>>) -> object_store::Result<T> {
        match &self.remote {
            Some(_) => remote::wait(request),
            None => block_on(request),
        }
    }

    /// The same of a request that changes something, and is made again where it is not known what became of it.
    fn persist<T, F: Future<Output = object_store::Result<T>>>(
        &self,
        request: impl Fn() -> F,
    ) -> object_store::Result<T> {
        match &self.remote {
            Some(_) => remote::persist(request),
            None => block_on(request()),
        }
    }

    fn failed(&self, action: &'static str, place: &str, error: object_store::Error) -> RegistryError {
        if let Some(remote) = &self.remote {
            return remote::failed(remote, action, place, &error);
        }
        let path = self.disk.as_ref().map_or_else(|| place.into(), |disk| disk.path(place));
        // The system's own words, where there are some: `object_store` repeats each cause in every message above it.
        match io_cause(&error) {
            Some(cause) => RegistryError::io(action, path, copy_of(cause)),
            None => RegistryError::io(action, path, error),
        }
    }
}

fn copy_of(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
