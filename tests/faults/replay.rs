//! What may be on a disk after the power was lost, given what was done and what was synced.
//!
//! The model is as mean as POSIX allows. A change of a folder's names (a file or folder made, linked, renamed, removed)
//! lasts once a sync of that folder, begun after the change was done, has ended; until then it may be there or not, and
//! independently of all others. A file's bytes last once a sync of that file has ended; until then they may be there,
//! missing, cut in half, or zeros. A sync of a file says nothing of its name, and a sync of a folder nothing of what its
//! files hold. Calls of several threads overlap: one that has begun may have happened.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use esmhub_store_format::Digest;

use crate::disk::Disk;
use crate::support::Random;
use crate::trace::{Operation, Recorded};

/// As many states as are all tried at a moment; of more, a sample is.
const ALL_OF: usize = 1 << 10;

type Inode = usize;
const ROOT: Inode = 0;

/// A change, between which lines of the trace it happened, and when it lasted.
struct Step {
    start: usize,
    /// From here on it is sure to be there; `None`: it never was.
    lasting: Option<usize>,
    end: usize,
    change: Change,
}

enum Change {
    /// Names that stand for something else afterwards, together or not at all.
    Names(Vec<(Inode, String, Option<Inode>)>),
    Bytes(Inode, Vec<u8>),
}

/// A history of a folder, replayed.
pub(crate) struct History {
    /// What stood there before: the names in each folder, and the bytes of each file.
    names: HashMap<Inode, BTreeMap<String, Inode>>,
    bytes: HashMap<Inode, Vec<u8>>,
    steps: Vec<Step>,
    acknowledged: usize,
    inodes: usize,
}

/// How much of what was not synced is there: all of a step, or for bytes something else.
const WAYS: [Way; 4] = [Way::Whole, Way::Nothing, Way::Half, Way::Zeros];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Whole,
    Nothing,
    Half,
    Zeros,
}

impl Step {
    fn ways(&self) -> &'static [Way] {
        match self.change {
            Change::Names(_) => &WAYS[..2],
            Change::Bytes(..) => &WAYS,
        }
    }
}

impl History {
    /// Of a folder that was as `before` (and is durable), and what was done below it.
    pub(crate) fn new(root: &Path, before: &Disk, recorded: &[Recorded]) -> Self {
        let mut history = Self {
            names: HashMap::from([(ROOT, BTreeMap::new())]),
            bytes: HashMap::new(),
            steps: Vec::new(),
            acknowledged: usize::MAX,
            inodes: 1,
        };
        for (path, content) in before {
            let inode = history.inode(content.is_none());
            let (folder, name) = history.place(path, &history.names);
            history.names.get_mut(&folder).unwrap().insert(name, inode);
            history.bytes.entry(inode).or_default().extend(content.iter().flatten());
        }
        history.follow(root, recorded);
        history
    }

    fn inode(&mut self, is_folder: bool) -> Inode {
        let inode = self.inodes;
        self.inodes += 1;
        if is_folder {
            self.names.insert(inode, BTreeMap::new());
        }
        inode
    }

    /// The folder and the name of a path below the root.
    fn place(&self, path: &Path, names: &HashMap<Inode, BTreeMap<String, Inode>>) -> (Inode, String) {
        let mut parts: Vec<&str> = path.iter().map(|part| part.to_str().unwrap()).collect();
        let name = parts.pop().unwrap().to_owned();
        (parts.into_iter().fold(ROOT, |folder, part| names[&folder][part]), name)
    }

    /// Turns what was recorded into steps; the names are as every step had happened in order.
    fn follow(&mut self, root: &Path, recorded: &[Recorded]) {
        let mut names = self.names.clone();
        for Recorded { start, end, operation } in recorded {
            let below = |path: &Path| path.strip_prefix(root).unwrap().to_owned();
            let at = |history: &Self, path: &Path| history.place(&below(path), &names);
            let held = |(folder, name): &(Inode, String)| names[folder].get(name).copied();
            let made = match operation {
                Operation::MakeFolder(path) => (path, true),
                Operation::CreateFile(path) => (path, false),
                Operation::Acknowledge => {
                    self.acknowledged = self.acknowledged.min(*end);
                    continue;
                }
                Operation::SyncAll => {
                    self.last(*start, *end, |_| true);
                    continue;
                }
                Operation::Sync(path) if path == root => {
                    self.last(*start, *end, |inode| inode == ROOT);
                    continue;
                }
                Operation::Sync(path) => {
                    let synced = held(&at(self, path)).unwrap();
                    self.last(*start, *end, |inode| inode == synced);
                    continue;
                }
                Operation::Write(path, bytes) => {
                    let file = held(&at(self, path)).unwrap();
                    self.step(*start, *end, Change::Bytes(file, bytes.clone()));
                    continue;
                }
                Operation::Link(from, to) | Operation::Rename(from, to) => {
                    let (from, to) = (at(self, from), at(self, to));
                    let inode = held(&from).unwrap();
                    let mut changes = vec![(to.0, to.1, Some(inode))];
                    if matches!(operation, Operation::Rename(..)) {
                        changes.push((from.0, from.1, None));
                    }
                    apply(&mut names, &changes);
                    self.step(*start, *end, Change::Names(changes));
                    continue;
                }
                Operation::Remove(path) => {
                    let (folder, name) = at(self, path);
                    let changes = vec![(folder, name, None)];
                    apply(&mut names, &changes);
                    self.step(*start, *end, Change::Names(changes));
                    continue;
                }
            };
            let (folder, name) = at(self, made.0);
            if names[&folder].contains_key(&name) {
                continue;
            }
            let inode = self.inode(made.1);
            if made.1 {
                names.insert(inode, BTreeMap::new());
            }
            let changes = vec![(folder, name, Some(inode))];
            apply(&mut names, &changes);
            self.step(*start, *end, Change::Names(changes));
        }
    }

    fn step(&mut self, start: usize, end: usize, change: Change) {
        self.steps.push(Step { start, end, lasting: None, change });
    }

    /// A sync of these inodes has ended: what was done when it began lasts.
    fn last(&mut self, start: usize, end: usize, covers: impl Fn(Inode) -> bool) {
        for step in self.steps.iter_mut().filter(|step| step.lasting.is_none() && step.end < start) {
            let covered = match &step.change {
                Change::Names(changes) => changes.iter().all(|(folder, ..)| covers(*folder)),
                Change::Bytes(file, _) => covers(*file),
            };
            step.lasting = covered.then_some(end);
        }
    }

    /// Every state that a loss of power can leave, at every moment, and whether the command was acknowledged by then.
    /// States that were shown already are left out. Where a moment leaves more than can all be tried, `sample` of them are
    /// besides those nearest to all and to nothing. Gives how many moments there were.
    pub(crate) fn each_state(&self, sample: usize, mut visit: impl FnMut(&Disk, bool)) -> usize {
        let edges = self.steps.iter().flat_map(|step| [Some(step.start), Some(step.end), step.lasting]);
        let mut moments: Vec<usize> = edges.flatten().chain([self.acknowledged]).collect();
        moments.sort_unstable();
        moments.dedup();
        let mut seen = HashSet::new();
        let mut random = Random::new(7);
        for &moment in &moments {
            let open: Vec<&Step> =
                self.steps.iter().filter(|step| step.start <= moment && !step.lasts(moment)).collect();
            for ways in choices(&open, sample, &mut random) {
                let disk = self.state(moment, &ways);
                let acknowledged = moment >= self.acknowledged;
                if seen.insert((Digest::of(format!("{disk:?}").as_bytes()), acknowledged)) {
                    visit(&disk, acknowledged);
                }
            }
        }
        moments.len()
    }

    /// The files and folders at a moment, when what is open has gone these ways.
    fn state(&self, moment: usize, ways: &[Way]) -> Disk {
        let (mut names, mut bytes) = (self.names.clone(), self.bytes.clone());
        let mut ways = ways.iter();
        for step in self.steps.iter().filter(|step| step.start <= moment) {
            let way = if step.lasts(moment) { Way::Whole } else { *ways.next().unwrap() };
            match &step.change {
                Change::Names(changes) if way == Way::Whole => apply(&mut names, changes),
                Change::Names(_) => {}
                Change::Bytes(file, written) => bytes.entry(*file).or_default().extend(match way {
                    Way::Whole => written.clone(),
                    Way::Nothing => Vec::new(),
                    Way::Half => written[..written.len() / 2].to_vec(),
                    Way::Zeros => vec![0; written.len()],
                }),
            }
        }
        let mut disk = Disk::new();
        let mut folders = vec![(PathBuf::new(), ROOT)];
        while let Some((path, folder)) = folders.pop() {
            for (name, inode) in names.get(&folder).into_iter().flatten() {
                let path = path.join(name);
                let is_folder = self.is_folder(*inode);
                disk.insert(path.clone(), (!is_folder).then(|| bytes.get(inode).cloned().unwrap_or_default()));
                if is_folder {
                    folders.push((path, *inode));
                }
            }
        }
        disk
    }

    fn is_folder(&self, inode: Inode) -> bool {
        self.names.contains_key(&inode)
    }
}

impl Step {
    fn lasts(&self, moment: usize) -> bool {
        self.lasting.is_some_and(|lasting| lasting <= moment)
    }
}

fn apply(names: &mut HashMap<Inode, BTreeMap<String, Inode>>, changes: &[(Inode, String, Option<Inode>)]) {
    for (folder, name, to) in changes {
        let entries = names.entry(*folder).or_default();
        match to {
            Some(inode) => entries.insert(name.clone(), *inode),
            None => entries.remove(name),
        };
    }
}

/// All ways that what is open can go; where that is too many, all and nothing, each alone, all but each, and a sample.
fn choices(open: &[&Step], sample: usize, random: &mut Random) -> Vec<Vec<Way>> {
    let count = open.iter().fold(1_usize, |count, step| count.saturating_mul(step.ways().len()));
    if count <= ALL_OF {
        let way = |mut number: usize| {
            let one = |step: &&Step| {
                let way = step.ways()[number % step.ways().len()];
                number /= step.ways().len();
                way
            };
            open.iter().map(one).collect()
        };
        return (0..count).map(way).collect();
    }
    let mut all = vec![vec![Way::Whole; open.len()], vec![Way::Nothing; open.len()]];
    for (at, step) in open.iter().enumerate() {
        for base in 0..2 {
            all.extend(
                step.ways()
                    .iter()
                    .map(|&way| {
                        let mut ways = all[base].clone();
                        ways[at] = way;
                        ways
                    })
                    .collect::<Vec<_>>(),
            );
        }
    }
    all.extend((0..sample).map(|_| open.iter().map(|step| step.ways()[random.below(step.ways().len())]).collect()));
    all
}
