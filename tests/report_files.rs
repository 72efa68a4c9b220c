//! Where a report is written, and where never.

use std::fs;

use crate::support::{Tree, line, pool};

#[test]
fn only_an_earlier_page_is_replaced() {
    let hub = pool();
    hub.write("r.html", "an earlier one");
    hub.write("r.HTM", "an earlier one");
    hub.write("notes.txt", "not ours");
    hub.write("page.html", "not a picture");
    hub.ok(line("rank t.npz --report r.html"));
    hub.ok(line("rank t.npz --report r.HTM"));
    for name in ["r.html", "r.HTM"] {
        assert!(fs::read_to_string(hub.path(name)).unwrap().starts_with("<!DOCTYPE html>"));
    }
    hub.refused_saying(2, line("rank t.npz --report notes.txt"), &["notes.txt", ".html or .htm", "hint: "]);
    hub.refused_saying(2, line("rank t.npz --plot page.html"), &["page.html", "ends in .svg", "hint: "]);
    hub.refused_saying(2, line("rank t.npz --report t.npz"), &["t.npz", "hint: "]);
    // A target of any name is never written over.
    fs::copy(hub.path("t.npz"), hub.path("target.npz")).unwrap();
    fs::create_dir(hub.path("folder.html")).unwrap();
    hub.refused_saying(2, line("rank t.npz --report folder.html"), &["folder.html", "is no file"]);
    hub.refused_saying(2, line("rank t.npz --plot nowhere/r.svg"), &["nowhere/r.svg", "no folder"]);
    hub.refused_saying(2, line("rank t.npz --report r.svg --plot r.svg"), &["the same file"]);
}

/// A picture that no viewer takes for one would be found out when it is passed on.
#[test]
fn a_name_that_promises_another_format_is_refused_before_anything_is_computed() {
    let hub = pool();
    // A target that is not there shows that nothing was read yet.
    for (option, said, hint) in [
        ("--plot x.png", "x.png: --plot writes SVG, expected a name that ends in .svg", "hint: write --plot x.svg"),
        ("--plot x", "x: --plot writes SVG", "hint: write --plot x.svg"),
        (
            "--report x.pdf",
            "--report writes HTML, expected a name that ends in .html or .htm",
            "hint: write --report x.html",
        ),
        ("--report x.svg", "--report writes HTML", "hint: write --report x.html"),
    ] {
        hub.refused_saying(2, line(format!("rank absent.npz {option}")), &[said, hint]);
    }
}

#[test]
fn page_appears_whole_and_nothing_beside_it() {
    let hub = pool();
    let before = Tree::of(&hub.path("")).without("cache");
    hub.ok(line("rank t.npz --report r.html --plot r.svg"));
    let mut changes = before.changes(&hub.tree());
    changes.sort();
    assert_eq!(changes.len(), 2, "{changes:?}");
    assert!(changes[0].contains("r.html") && changes[1].contains("r.svg"), "{changes:?}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| fs::metadata(hub.path(name)).unwrap().permissions().mode();
        hub.write("usual", "");
        assert_eq!((mode("r.html"), mode("r.svg")), (mode("usual"), mode("usual")));
    }
}

/// Where a link leads is not asked: it is not followed, and not replaced.
#[test]
#[cfg(unix)]
fn link_is_not_written_through() {
    let hub = pool();
    hub.write("elsewhere.html", "somebody's");
    std::os::unix::fs::symlink(hub.path("elsewhere.html"), hub.path("r.html")).unwrap();
    hub.refused_saying(2, line("rank t.npz --report r.html"), &["r.html", "is no file"]);
    assert_eq!(fs::read_to_string(hub.path("elsewhere.html")).unwrap(), "somebody's");
}

/// A target is what it is: the page of a ranking that failed would be of nothing.
#[test]
fn ranking_that_fails_leaves_no_page() {
    let hub = pool();
    hub.refused(13, line("rank t.npz --filter name~nothing --report r.html"));
}
