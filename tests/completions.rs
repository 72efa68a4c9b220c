//! Completions: what a shell offers is true, plain, and costs nothing.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{EsmFolder, Hub, Tree, damage};

/// What the hidden command answers; it never fails and never says anything on stderr.
fn offered(hub: &Hub, words: &[&str]) -> Vec<String> {
    let index = (words.len() - 1).to_string();
    let output = hub.run(["__complete", "--index", &index, "--"].iter().chain(words));
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{words:?}");
    output.stdout.lines().map(str::to_owned).collect()
}

/// The words alone.
fn values(hub: &Hub, words: &[&str]) -> Vec<String> {
    let lines = offered(hub, words);
    lines[1..].iter().map(|line| line.split('\t').next().unwrap().to_owned()).collect()
}

/// A shell that is installed; where it is not, the test is skipped, and says so past the capture of its output.
fn shell(name: &str) -> Option<PathBuf> {
    let found = ["/bin", "/usr/bin", "/usr/local/bin"].iter().map(|folder| Path::new(folder).join(name));
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        std::io::stderr()
            .write_all(format!("SKIPPED completions in {name}: it is not installed\n").as_bytes())
            .unwrap();
    }
    found
}

/// What a script prints that first reads the completions; stderr stays empty.
fn in_shell(hub: &Hub, shell: &Path, arguments: &[&str], script: &str) -> Vec<String> {
    // The shells call `esmhub`, as PATH finds it.
    let programs = Path::new(env!("CARGO_BIN_EXE_esmhub")).parent().unwrap();
    let environment = hub.command();
    let mut command = Command::new(shell);
    command.args(arguments).arg(script).current_dir(hub.path("")).env_clear();
    for (key, value) in environment.get_envs() {
        command.env(key, value.unwrap());
    }
    let output = command.env("PATH", format!("{}:/usr/bin:/bin", programs.display())).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{script}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn pool() -> Hub {
    let hub = Hub::with(&["acme/reviews", "mr", "trec", "tweets"]);
    let source = hub.esm(&EsmFolder::new("mr", 8, 9));
    hub.ok(["publish", &source]);
    hub
}

#[test]
fn references_are_those_of_the_registry() {
    let hub = pool();
    assert_eq!(values(&hub, &["esmhub", "show", ""]), ["acme/reviews", "mr", "trec", "tweets"]);
    assert_eq!(values(&hub, &["esmhub", "pull", "trec", "t"]), ["trec", "tweets"]);
    assert_eq!(values(&hub, &["esmhub", "show", "m"]), ["mr", "mr:v2", "mr:v1"], "the newest tag first");
    assert_eq!(values(&hub, &["esmhub", "yank", "--dry-run", "mr:"]), ["mr:v2", "mr:v1"]);
    assert_eq!(values(&hub, &["esmhub", "list", "tw"]), ["tweets"]);
    let digest = hub.json(["resolve", "trec"])["digest"].as_str().unwrap().to_owned();
    assert_eq!(values(&hub, &["esmhub", "show", &format!("@{}", &digest[..3])]), [format!("@{digest}")]);
    assert_eq!(values(&hub, &["esmhub", "show", "trec:v1@"]), [format!("trec:v1@{digest}")]);
    assert_eq!(values(&hub, &["esmhub", "rank", "t.npz", "--base", "acme/"]), ["acme/encoder"]);
    hub.ok(["yank", "trec:v1"]);
    assert!(offered(&hub, &["esmhub", "yank", "--undo", "trec:"])[1].contains("yanked"));
    hub.ok(["remove", "tweets:v1"]);
    assert_eq!(values(&hub, &["esmhub", "show", "t"]), ["trec", "trec:v1"], "what was removed cannot be meant");
}

#[test]
fn registry_on_the_line_goes_before_that_of_the_environment() {
    let hub = pool();
    let source = hub.esm(&EsmFolder::new("other", 8, 5));
    hub.ok(["--registry", "second", "init"]);
    hub.ok(["--registry", "second", "publish", &source]);
    for line in [
        &["--registry", "second", "show", ""][..],
        &["--registry=second", "show", ""],
        &["show", "--registry", "second", ""],
    ] {
        let words: Vec<&str> = ["esmhub"].iter().chain(line).copied().collect();
        assert_eq!(values(&hub, &words), ["other", "other:v1"], "{line:?}");
    }
}

#[test]
fn commands_options_and_their_values_are_offered_where_they_can_stand() {
    let hub = pool();
    let commands = values(&hub, &["esmhub", "r"]);
    assert_eq!(commands, ["rank", "recompress", "resolve", "record", "remove"]);
    assert!(!values(&hub, &["esmhub", ""]).iter().any(|word| word.starts_with('-') || word == "__complete"));
    assert!(values(&hub, &["esmhub", "rank", "--r"]).contains(&"--rows".to_owned()));
    assert_eq!(values(&hub, &["esmhub", "rank", "t.npz", "--precision", ""]), ["double", "single"]);
    assert_eq!(values(&hub, &["esmhub", "--color=al"]), ["--color=always"]);
    assert_eq!(values(&hub, &["esmhub", "anchors", "s"]), ["set", "show", "stats"]);
    // Paths are the shell's own affair.
    for (words, expected) in [
        (&["esmhub", "rank", ""][..], "files"),
        (&["esmhub", "--registry", ""], "folders"),
        (&["esmhub", "--registry=p"], "folders"),
        (&["esmhub", "show", "zzz"], "words"),
    ] {
        assert_eq!(offered(&hub, words), [expected], "{words:?}");
    }
}

/// Whoever has to look a word up in the help could have been offered it.
#[test]
fn options_that_take_one_of_a_few_words_offer_all_of_them() {
    let hub = Hub::without_registry();
    let codecs = ["auto", "small", "f32", "f16", "int8", "int4"];
    for (line, expected) in [
        ("rank t.npz --score", &["exact", "hfselect", "ridge", "hscore", "transrate"][..]),
        ("rank t.npz --precision", &["double", "single"]),
        ("rank t.npz --sample", &["random", "first"]),
        ("rank t.npz --task", &["auto", "classification", "regression"]),
        ("publish a --codec", &codecs),
        ("recompress a --codec", &codecs),
        ("publish a --rank", &["auto", "full"]),
        ("recompress a --rank", &["auto"]),
        ("publish a --penalty", &["standard", "auto"]),
        ("--color", &["auto", "always", "never"]),
        ("list --device", &["auto", "cpu", "cuda"]),
        ("completions", &["bash", "zsh", "fish", "powershell", "elvish"]),
    ] {
        let words: Vec<&str> = ["esmhub"].into_iter().chain(line.split(' ')).chain([""]).collect();
        assert_eq!(values(&hub, &words), expected, "{line}");
        // What is offered is taken.
        if let Some(word) = expected.last().filter(|_| line.starts_with("rank")) {
            let output = hub.run(["rank", "absent.npz"].into_iter().chain(line.split(' ').skip(2)).chain([*word]));
            assert!(!output.stderr.contains("invalid value"), "{line} {word}: {output:#?}");
        }
    }
    // A number stays one where words are offered beside it.
    assert_eq!(values(&hub, &["esmhub", "publish", "a", "--rank", "3"]), [""; 0]);
    hub.refused_saying(2, ["publish", "a", "--rank", "none"], &["auto, full or a number"]);
}

/// What is pressed by accident must not change anything, be it a cache.
#[test]
fn nothing_is_written_and_nothing_is_said_whatever_the_registry_is() {
    let hub = pool();
    fs::remove_dir_all(hub.path("cache")).unwrap();
    let before = Tree::of(&hub.path(""));
    let ask = |words: &[&str]| values(&hub, words);
    ask(&["esmhub", "show", ""]);
    assert_eq!(ask(&["esmhub", "--registry", "absent", "show", ""]), [""; 0]);
    assert_eq!(ask(&["esmhub", "--registry", "esms/mr/config.json", "show", ""]), [""; 0]);
    ask(&["esmhub", "no-such-command", ""]);
    assert!(!ask(&["esmhub", "show", "\u{1b}[31m", ""]).iter().any(|word| word.contains('\u{1b}')));
    assert_eq!(before.changes(&Tree::of(&hub.path(""))), Vec::<String>::new());
    damage(&hub.entry(2));
    assert_eq!(ask(&["esmhub", "show", "mr:"]), ["mr:v1"], "what can be read is offered");
    fs::write(hub.path("pool/esmhub.toml"), "no marker").unwrap();
    assert_eq!(ask(&["esmhub", "show", ""]), [""; 0]);
}

/// A name can be nothing but plain; the id of a base model is whatever its publisher wrote.
#[test]
fn what_a_stranger_wrote_does_not_reach_the_line() {
    let hub = pool();
    for (seed, base) in
        ["evil\u{1b}]0;title\u{7}", "$(touch${IFS}x)", "a b", "`id`", "acme/\u{202e}rab"].iter().enumerate()
    {
        let source = hub.esm(&EsmFolder::new(&format!("odd{seed}"), 8, 20).set("base_model_name", *base));
        // Some are refused already; what is taken must not be offered.
        hub.run(["publish", &source]);
    }
    let output = hub.run(["__complete", "--index=4", "--", "esmhub", "rank", "t.npz", "--base", ""]).stdout;
    assert_eq!(output, "folders\nacme/encoder\t5 ESMs\n");
}

#[test]
fn bash_completes_references_with_colons() {
    let hub = pool();
    let Some(bash) = shell("bash") else { return };
    let complete = |words: &str, index: usize, line: &str| {
        let script = format!(
            "source <(esmhub completions bash); COMP_WORDS=({words}); COMP_CWORD={index}; COMP_LINE='{line}'; \
             COMP_POINT=${{#COMP_LINE}}; _esmhub esmhub; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        in_shell(&hub, &bash, &["--norc", "-c"], &script)
    };
    assert_eq!(complete("esmhub show m", 2, "esmhub show m"), ["mr", "mr:v2", "mr:v1"]);
    // Bash cuts at colons, and replaces only what is behind the last one.
    assert_eq!(complete("esmhub show mr :", 3, "esmhub show mr:"), ["v2", "v1"]);
    assert_eq!(complete("esmhub show mr : v1", 4, "esmhub show mr:v1"), ["v1"]);
    assert_eq!(complete("esmhub --registry = pool show t", 5, "esmhub --registry=pool show t"), ["trec", "tweets"]);
    assert_eq!(complete("esmhub --color = al", 3, "esmhub --color=al"), ["always"]);
    assert_eq!(complete("esmhub publish x --codec int", 4, "esmhub publish x --codec int"), ["int8", "int4"]);
    assert_eq!(complete("esmhub --registry absent show m", 4, "esmhub --registry absent show m"), [""]);
    let registered = in_shell(&hub, &bash, &["--norc", "-c"], "source <(esmhub completions bash); complete -p esmhub");
    assert!(registered[0].contains("-F _esmhub esmhub"), "{registered:?}");
}

#[test]
fn zsh_completes_references() {
    let hub = pool();
    let Some(zsh) = shell("zsh") else { return };
    let complete = |words: &str, prefix: &str| {
        // What is a builtin only while a key is pressed stands in as a function.
        let script = format!(
            "compdef() {{}}; compset() {{}}; _files() {{ print -l -- files $@ }}; compadd() {{ print -l -- ${{@[(i)--]+1,-1}} }}; \
             compadd() {{ shift 5; print -l -- \"$@\" }}; eval \"$(esmhub completions zsh)\"; \
             words=({words}); CURRENT=${{#words}}; PREFIX='{prefix}'; _esmhub"
        );
        in_shell(&hub, &zsh, &["-f", "-c"], &script)
    };
    let values = |lines: Vec<String>| lines.into_iter().skip_while(|line| line != "--").skip(1).collect::<Vec<_>>();
    assert_eq!(values(complete("esmhub show m", "m")), ["mr", "mr:v2", "mr:v1"]);
    assert_eq!(values(complete("esmhub show mr:", "mr:")), ["mr:v2", "mr:v1"]);
    assert_eq!(values(complete("esmhub --registry 'pool' show t", "t")), ["trec", "tweets"]);
    assert_eq!(
        values(complete("esmhub rank t.npz --score ''", "")),
        ["exact", "hfselect", "ridge", "hscore", "transrate"]
    );
    assert_eq!(complete("esmhub --registry p", "p"), ["files", "-/"]);
}

#[test]
fn fish_completes_references() {
    let hub = pool();
    let Some(fish) = shell("fish") else { return };
    let complete = |line: &str| {
        let script = format!("esmhub completions fish | source; complete --do-complete '{line}'");
        in_shell(&hub, &fish, &["--no-config", "-c"], &script)
    };
    let values =
        |line: &str| complete(line).iter().map(|line| line.split('\t').next().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(values("esmhub show m"), ["mr", "mr:v2", "mr:v1"]);
    assert_eq!(values("esmhub show mr:"), ["mr:v2", "mr:v1"]);
    assert_eq!(values("esmhub rank t.npz --score "), ["exact", "hfselect", "ridge", "hscore", "transrate"]);
    assert_eq!(values("esmhub publish x --penalty=a"), ["--penalty=auto"]);
    assert_eq!(values("esmhub --registry=poo"), ["--registry=pool/"]);
    assert_eq!(values("esmhub --registry absent show m"), [""; 0]);
}

#[test]
fn elvish_completes_references() {
    let hub = pool();
    let Some(elvish) = shell("elvish") else { return };
    let complete = |words: &str| {
        // The editor is there only while it edits: what the script takes of it stands in.
        let script = format!(
            "fn candidate {{|value &display=''| echo $value }}\n\
             fn files {{|@words| echo files $words[-1] }}\n\
             var edit: = (ns [&'completion:'=(ns [&arg-completer=[&]]) &'complex-candidate~'=$candidate~ \
             &'complete-filename~'=$files~])\n\
             eval (esmhub completions elvish | slurp)\n\
             $edit:completion:arg-completer[esmhub] {words}"
        );
        in_shell(&hub, &elvish, &["-norc", "-c"], &script)
    };
    assert_eq!(complete("esmhub show m"), ["mr", "mr:v2", "mr:v1"]);
    assert_eq!(complete("esmhub show mr:"), ["mr:v2", "mr:v1"]);
    assert_eq!(complete("esmhub --registry pool show t"), ["trec", "tweets"]);
    assert_eq!(complete("esmhub rank t.npz --score ''"), ["exact", "hfselect", "ridge", "hscore", "transrate"]);
    assert_eq!(complete("esmhub --registry p"), ["files p"]);
    assert_eq!(complete("esmhub --registry absent show m"), [""; 0]);
}

#[test]
fn every_shell_has_a_script() {
    let hub = Hub::without_registry();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = hub.ok(["completions", shell]);
        assert!(script.contains("__complete"), "{shell}");
        let document = hub.json(["completions", shell]);
        assert_eq!((document["shell"].as_str(), document["script"].as_str()), (Some(shell), Some(script.as_str())));
    }
    hub.refused_saying(2, ["completions", "bosh"], &["bash"]);
}
