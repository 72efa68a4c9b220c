//! The manual: a page for every command, and pages that the tools for them accept.

use std::io::Write;
use std::process::Command;

use crate::support::Hub;

#[test]
fn every_command_has_its_page() {
    let hub = Hub::without_registry();
    let main = hub.ok(["man"]);
    assert!(main.contains(".TH ESMHUB 1 ") && main.is_ascii() && main.contains("EXIT STATUS"), "{main}");
    let written = hub.json(["man", "pages"]);
    let names: Vec<&str> =
        written["pages"].as_array().unwrap().iter().map(|page| page["name"].as_str().unwrap()).collect();
    for name in ["esmhub", "esmhub-rank", "esmhub-anchors", "esmhub-anchors-set", "esmhub-man"] {
        assert!(names.contains(&name), "{name}: {names:?}");
        assert!(hub.path(format!("pages/{name}.1")).is_file(), "{name}");
    }
    assert!(!names.iter().any(|name| name.contains("complete-") || name.contains("__")), "{names:?}");
    // What the help lists has a page: commands stand indented there, up to the options.
    let help = hub.ok(["--help"]);
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for command in commands.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next()) {
        assert!(command == "help" || names.contains(&format!("esmhub-{command}").as_str()), "{command}: {names:?}");
    }
    assert_eq!(std::fs::read_to_string(hub.path("pages/esmhub.1")).unwrap(), main);
    let rank = std::fs::read_to_string(hub.path("pages/esmhub-rank.1")).unwrap();
    assert!(rank.contains("log evidence per row") && rank.contains("ESMHUB_REGISTRY"), "{rank}");
    // Written again, they are replaced and nothing is left beside them.
    hub.ok(["man", "pages"]);
    assert_eq!(std::fs::read_dir(hub.path("pages")).unwrap().count(), names.len());
}

#[test]
fn pages_are_rendered_without_a_warning() {
    let hub = Hub::without_registry();
    hub.ok(["man", "pages"]);
    let mut pages: Vec<_> = std::fs::read_dir(hub.path("pages")).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    for (tool, arguments) in
        [("mandoc", &["-T", "lint", "-W", "warning"][..]), ("groff", &["-man", "-ww", "-z", "-Tutf8"])]
    {
        match Command::new(tool).args(arguments).args(&pages).output() {
            Ok(output) => {
                let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
                // Pages are as old as the program, whose version they state instead.
                let said: Vec<&str> = said.lines().filter(|line| !line.contains("missing date")).collect();
                assert!(said.is_empty(), "{tool}: {said:#?}");
            }
            Err(_) => {
                let notice = format!("SKIPPED manual pages in {tool}: it is not installed\n");
                std::io::stderr().write_all(notice.as_bytes()).unwrap();
            }
        }
    }
}

#[test]
fn folder_that_cannot_be_written_is_named() {
    let hub = Hub::without_registry();
    hub.write("file", "");
    hub.refused_saying(1, ["man", "file"], &["file"]);
}
