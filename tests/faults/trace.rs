//! The file operations of a command, as `strace` saw them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::{under, works};

/// What changed a file system, or made it last. Paths are absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Operation {
    MakeFolder(PathBuf),
    CreateFile(PathBuf),
    /// At the end of what was written so far.
    Write(PathBuf, Vec<u8>),
    Link(PathBuf, PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    /// A file's bytes, or a folder's names, are on stable storage.
    Sync(PathBuf),
    SyncAll,
    /// The command has printed something: what it did is acknowledged.
    Acknowledge,
}

/// An operation, and between which lines of the trace it happened.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) operation: Operation,
}

/// Calls that leave a file system as it is, and its modes and locks, which decide nothing here.
const HARMLESS: [&str; 33] = [
    "access",
    "chdir",
    "chmod",
    "close",
    "dup",
    "execve",
    "faccessat2",
    "fadvise64",
    "fchmod",
    "fchmodat",
    "fchown",
    "fcntl",
    "flock",
    "fstat",
    "fstatfs",
    "getcwd",
    "getdents64",
    "getxattr",
    "ioctl",
    "lseek",
    "lstat",
    "mmap",
    "newfstatat",
    "open_tree",
    "poll",
    "pread64",
    "read",
    "readlink",
    "readlinkat",
    "readv",
    "stat",
    "statfs",
    "statx",
];

/// Whether commands can be traced here.
pub(crate) fn can_trace() -> bool {
    works("strace", &["-f", "-o", "/dev/null", "true"])
}

/// Runs a command, which must succeed, and tells what it did below `root`.
pub(crate) fn record(command: &Command, root: &Path) -> Vec<Recorded> {
    let (code, recorded) = run(command, &[], root);
    assert_eq!(code, Some(0), "{command:?}");
    recorded
}

/// The same of a command that is killed instead of making its sync of this number, counted from 1; whether it was.
pub(crate) fn record_killed(command: &Command, root: &Path, sync: usize) -> (bool, Vec<Recorded>) {
    let (code, recorded) = run(command, &["-e", &format!("inject=fsync:signal=KILL:when={sync}")], root);
    (code != Some(0), recorded)
}

fn run(command: &Command, options: &[&str], root: &Path) -> (Option<i32>, Vec<Recorded>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("trace");
    let strace = ["strace", "-f", "-y", "-s", "4000000", "-e", "trace=%file,%desc,sync", "-o", file.to_str().unwrap()];
    let output = under(strace.iter().chain(options), command).output().unwrap();
    (output.status.code(), parse(&fs::read_to_string(file).unwrap(), root))
}

fn parse(trace: &str, root: &Path) -> Vec<Recorded> {
    let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
    let mut recorded = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let (process, call) = line.split_once(' ').unwrap();
        let call = call.trim_start();
        if let Some(begun) = call.strip_suffix("<unfinished ...>") {
            unfinished.insert(process, (at, begun));
            continue;
        }
        let (start, call) = match call.split_once(" resumed>").filter(|_| call.starts_with("<... ")) {
            None => (at, call.to_owned()),
            Some((_, rest)) => {
                let (start, begun) = unfinished.remove(process).unwrap();
                (start, format!("{begun}{rest}"))
            }
        };
        let operations = operations(&call, root);
        recorded.extend(operations.into_iter().map(|operation| Recorded { start, end: at, operation }));
    }
    recorded
}

/// What a call did, if it succeeded.
fn operations(call: &str, root: &Path) -> Vec<Operation> {
    let Some((name, rest)) = call.split_once('(').filter(|_| !call.starts_with(['+', '-'])) else {
        return Vec::new();
    };
    let (arguments, result) = rest.rsplit_once(" = ").unwrap();
    if result.starts_with(['-', '?']) || result.is_empty() {
        return Vec::new();
    }
    let texts = texts(arguments);
    let path = |at: usize| PathBuf::from(String::from_utf8(texts[at].clone()).unwrap());
    let opened = || {
        let (_, rest) = arguments.split_once('<').unwrap();
        PathBuf::from(rest.split_once('>').unwrap().0)
    };
    let found = match name {
        "openat" | "open" if arguments.contains("O_TRUNC") => panic!("not replayed here: {call}"),
        "openat" | "open" if arguments.contains("O_CREAT") => vec![Operation::CreateFile(path(0))],
        "openat" | "open" => Vec::new(),
        "mkdir" | "mkdirat" => vec![Operation::MakeFolder(path(0))],
        "write" if arguments.starts_with("1<") => return vec![Operation::Acknowledge],
        "write" => {
            let count: usize = result.parse().unwrap();
            vec![Operation::Write(opened(), texts[0][..count].to_vec())]
        }
        "link" | "linkat" => vec![Operation::Link(path(0), path(1))],
        "rename" | "renameat" | "renameat2" => vec![Operation::Rename(path(0), path(1))],
        "unlink" | "unlinkat" | "rmdir" => vec![Operation::Remove(path(0))],
        "fsync" | "fdatasync" => vec![Operation::Sync(opened())],
        "syncfs" | "sync" => return vec![Operation::SyncAll],
        _ if HARMLESS.contains(&name) => return Vec::new(),
        _ if arguments.contains(root.to_str().unwrap()) => panic!("not replayed here: {call}"),
        _ => return Vec::new(),
    };
    let within = |operation: &Operation| match operation {
        Operation::MakeFolder(path) | Operation::CreateFile(path) | Operation::Remove(path) => path.starts_with(root),
        Operation::Write(path, _) | Operation::Sync(path) => path.starts_with(root),
        Operation::Link(from, to) | Operation::Rename(from, to) => from.starts_with(root) || to.starts_with(root),
        Operation::SyncAll | Operation::Acknowledge => true,
    };
    found.into_iter().filter(within).collect()
}

/// The quoted texts among a call's arguments, with C's escapes undone.
fn texts(arguments: &str) -> Vec<Vec<u8>> {
    let mut bytes = arguments.bytes().peekable();
    let mut texts = Vec::new();
    while bytes.any(|byte| byte == b'"') {
        let mut text = Vec::new();
        while let Some(byte) = bytes.next().filter(|&byte| byte != b'"') {
            if byte != b'\\' {
                text.push(byte);
                continue;
            }
            text.push(match bytes.next().unwrap() {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'v' => 11,
                b'f' => 12,
                digit @ b'0'..=b'7' => {
                    let mut value = u32::from(digit - b'0');
                    for _ in 0..2 {
                        let Some(digit) = bytes.next_if(|byte| (b'0'..=b'7').contains(byte)) else { break };
                        value = value * 8 + u32::from(digit - b'0');
                    }
                    u8::try_from(value).unwrap()
                }
                other => other,
            });
        }
        texts.push(text);
    }
    texts
}

#[test]
fn calls_of_two_threads_are_told_apart() {
    let trace = r#"7 mkdir("/r/a", 0777 <unfinished ...>
8  openat(AT_FDCWD</x>, "/r/b", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0444) = 4</r/b>
7 <... mkdir resumed>)             = 0
8  write(4</r/b>, "a\0\1772\n\"\\", 7) = 7
8  fsync(4</r/b> <unfinished ...>
7 linkat(AT_FDCWD</x>, "/r/b", AT_FDCWD</x>, "/r/c", 0) = -1 EEXIST (File exists)
8 <... fsync resumed>)             = 0
7 unlink("/elsewhere") = 0
7 write(1<pipe:[4]>, "done\n", 5) = 5
7 +++ exited with 0 +++"#;
    let recorded = parse(trace, Path::new("/r"));
    let found: Vec<_> = recorded.into_iter().map(|one| (one.start, one.end, one.operation)).collect();
    let expected = [
        (1, 1, Operation::CreateFile("/r/b".into())),
        (0, 2, Operation::MakeFolder("/r/a".into())),
        (3, 3, Operation::Write("/r/b".into(), b"a\0\x7f2\n\"\\".to_vec())),
        (4, 6, Operation::Sync("/r/b".into())),
        (8, 8, Operation::Acknowledge),
    ];
    assert_eq!(found, expected);
}
