//! `--device`: models compute on what was asked for, or the command fails; never on something else in silence.

use crate::support::{EsmFolder, Hub, csv, line, tiny_base, words};

/// A pool of dimension 32, a target of texts, and the command that ranks for it.
fn ranking() -> (Hub, String) {
    let hub = Hub::new();
    let esm = hub.esm(&EsmFolder::new("a", 32, 1).set("base_model_name", "tiny"));
    hub.ok(["publish", "--codec", "f32", &esm]);
    hub.write("t.csv", csv(&words(40, 1)));
    let base = tiny_base("bert-mean");
    (hub, format!("rank t.csv --text text --label label --base {base} --max-length 24 --no-cache"))
}

#[test]
fn a_device_that_is_not_there_is_not_replaced_in_silence() {
    let (hub, rank) = ranking();
    let cuda = line(format!("{rank} --device cuda"));
    // As it is built by default; with `--features cuda`, the tests' machine may have a device.
    if !cfg!(feature = "cuda") {
        hub.refused_saying(2, &cuda, &["--device cuda", "built without CUDA", "--features cuda", "--device cpu"]);
        let output = hub.command().args(line(&rank)).env("ESMHUB_DEVICE", "cuda").output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:#?}");
    }
    hub.refused_saying(2, line(format!("{rank} --device gpu")), &["auto", "cpu", "cuda"]);
}

#[test]
fn devices_that_are_the_same_give_the_same_bits() {
    let (hub, rank) = ranking();
    let [plain, cpu] = ["", " --device cpu"].map(|device| hub.ok(line(format!("{rank}{device} --json"))));
    let of = |device: &str| {
        let mut command = hub.command();
        let output = command.arg("--json").args(line(&rank)).env("ESMHUB_DEVICE", device).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(of("cpu"), cpu);
    if !cfg!(feature = "cuda") {
        assert_eq!(plain, cpu);
        assert_eq!(of("auto"), cpu);
    }
}
