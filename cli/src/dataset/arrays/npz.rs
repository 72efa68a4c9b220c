//! `.npz`: numpy's zip of arrays, by the `zip` crate.

use std::fs::File;
use std::io::BufReader;

use esmhub_selection::Embeddings;
use zip::ZipArchive;
use zip::read::ZipFile;

use super::super::labels::RawLabel;
use super::npy::Npy;
use super::problem::ArrayProblem;
use super::read::ArrayFile;
use super::shape::Budget;

/// The ending of an array's name inside the zip.
const ENDING: &str = ".npy";

type Archive = ZipArchive<BufReader<File>>;

pub(super) struct Npz {
    archive: Archive,
    /// The names of the arrays, without their ending.
    names: Vec<String>,
    budget: Budget,
}

impl Npz {
    pub(super) fn open(file: File, bytes: u64) -> Result<Self, ArrayProblem> {
        let archive = ZipArchive::new(BufReader::new(file)).map_err(ArrayProblem::Zip)?;
        let names = archive.file_names_raw().map(array_name).collect::<Result<_, _>>()?;
        // Two entries of one name: which of them is meant, readers disagree on.
        if archive.has_duplicate_names() {
            return Err(ArrayProblem::RepeatedName);
        }
        Ok(Self { archive, names, budget: Budget::new(bytes) })
    }
}

impl ArrayFile for Npz {
    fn matrix(&mut self, name: &str) -> Result<Embeddings, ArrayProblem> {
        let entry = entry(&mut self.archive, &self.names, name)?;
        Npy::open(name, entry.size(), entry)?.matrix(&mut self.budget)
    }

    fn labels(&mut self, name: &str) -> Result<Vec<RawLabel>, ArrayProblem> {
        let entry = entry(&mut self.archive, &self.names, name)?;
        Npy::open(name, entry.size(), entry)?.labels(&mut self.budget)
    }
}

fn entry<'a>(
    archive: &'a mut Archive,
    names: &[String],
    name: &str,
) -> Result<ZipFile<'a, BufReader<File>>, ArrayProblem> {
    if !names.iter().any(|other| other == name) {
        return Err(ArrayProblem::Missing { array: name.to_owned(), exists: names.to_vec() });
    }
    archive.by_name(&format!("{name}{ENDING}")).map_err(ArrayProblem::Zip)
}

/// The name of an array as numpy gives it to a zip entry. Names are only compared, never followed; one that no numpy
/// writes means that this is another kind of zip, or a hostile one.
fn array_name(raw: &[u8]) -> Result<String, ArrayProblem> {
    let odd = || ArrayProblem::OddName { name: String::from_utf8_lossy(raw).into_owned() };
    let name = std::str::from_utf8(raw).ok().and_then(|name| name.strip_suffix(ENDING)).ok_or_else(odd)?;
    let parent = name.split('/').any(|part| part == ".." || part.is_empty());
    if parent || name.contains(['\\', ':']) || name.chars().any(char::is_control) {
        return Err(odd());
    }
    Ok(name.to_owned())
}
