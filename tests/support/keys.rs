//! OpenSSH's own `ssh-keygen`, the independent truth on keys and signatures; and a log as some other program might write it.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use esmhub_registry::Registry;
use esmhub_store_format::log::{Action, Entry, Writer};

use super::Hub;

/// Whether there is an `ssh-keygen`. Where there is none the test is skipped, and says so past the capture of its output.
pub(crate) fn has_ssh_keygen(test: &str) -> bool {
    let found = Command::new("ssh-keygen").arg("-?").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !found {
        std::io::stderr().write_all(format!("SKIPPED {test}: there is no ssh-keygen\n").as_bytes()).unwrap();
    }
    found
}

/// Whether `ssh-keygen` succeeds with these arguments, cut at their spaces, and this on stdin; in the hub's folder.
pub(crate) fn ssh_keygen(hub: &Hub, arguments: &str, stdin: &str) -> bool {
    let mut command = Command::new("ssh-keygen");
    command.current_dir(hub.path("")).args(super::line(arguments));
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    // It may end before it has read anything.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait().unwrap().success()
}

/// A new ed25519 key of this name without a passphrase, in files `NAME` and `NAME.pub`; its public half without a comment.
pub(crate) fn new_key(hub: &Hub, name: &str) -> String {
    let mut command = Command::new("ssh-keygen");
    let made =
        command.current_dir(hub.path("")).args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name]).status();
    assert!(made.unwrap().success());
    public_key(hub, name)
}

/// The public half of a key, without its comment.
pub(crate) fn public_key(hub: &Hub, name: &str) -> String {
    let public = fs::read_to_string(hub.path(format!("{name}.pub"))).unwrap();
    public.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// The binary form of a signature that `ssh-keygen -Y sign` makes of a text.
pub(crate) fn ssh_sign(hub: &Hub, key: &str, namespace: &str, more: &str, text: &str) -> Vec<u8> {
    hub.write("to-sign", text);
    let _ = fs::remove_file(hub.path("to-sign.sig"));
    assert!(ssh_keygen(hub, &format!("-q -Y sign -n {namespace} -f {key} {more} to-sign"), ""));
    unarmored(&fs::read_to_string(hub.path("to-sign.sig")).unwrap())
}

/// The bytes of a text between its `-----` lines.
pub(crate) fn unarmored(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let body: String = text.lines().filter(|line| !line.starts_with('-')).collect();
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in body.bytes().filter(|byte| *byte != b'=') {
        bits = bits << 6 | DIGITS.iter().position(|known| *known == digit).unwrap() as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    bytes
}

/// Appends an entry that does this, as any program could.
pub(crate) fn append(hub: &Hub, actions: &[Action]) {
    let registry = Registry::open(hub.path("pool"), None).unwrap();
    let number = registry.catalog().unwrap().entries() + 1;
    let previous = match number {
        1 => registry.id().genesis(),
        _ => Entry::from_frame(&fs::read(hub.entry(number - 1)).unwrap()).unwrap().1,
    };
    let writer = Writer { user: "mallory".into(), host: "elsewhere".into(), program: "other 1".into() };
    let records = actions.iter().map(|action| action.to_record().unwrap()).collect();
    let entry = Entry { number, previous, transaction: [9; 16], time: 5, writer, records };
    let path: PathBuf = hub.entry(number);
    fs::write(path, entry.to_frame().unwrap().0).unwrap();
}
