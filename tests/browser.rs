//! The report in a real browser: what it shows, what it says on its console, and that it fits every screen.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Hub, Picture, line, page_agrees};

/// Chromium, by one of its names. Where there is none the test is skipped, and says so past the capture of its output.
fn browser(test: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut places = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name)));
    let found = places.find(|file| file.is_file());
    if found.is_none() {
        let notice = format!("SKIPPED {test}: no chromium on the PATH\n");
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
    }
    found
}

/// A browser that has seen nothing, and gives what it says: stdout and stderr.
fn browse(program: &Path, hub: &Hub, page: &str, options: &[String]) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let mut data = OsString::from("--user-data-dir=");
    data.push(profile.path());
    let output = Command::new(program)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--v=0"])
        .arg(data)
        .args(options)
        .arg(format!("file://{}", hub.path(page).display()))
        .env("HOME", profile.path())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{err}");
    (out, err)
}

fn console(log: &str) -> Vec<&str> {
    log.lines().filter(|line| line.contains("CONSOLE")).collect()
}

fn screenshot(program: &Path, hub: &Hub, page: &str, (width, height): (usize, usize), dark: bool) -> Picture {
    let file = hub.path("shot.png");
    let mut options = vec![format!("--screenshot={}", file.display()), format!("--window-size={width},{height}")];
    options.extend(dark.then(|| "--blink-settings=preferredColorScheme=0".to_owned()));
    browse(program, hub, page, &options);
    Picture::read(&file)
}

fn brightness(colour: [u8; 3]) -> u32 {
    colour.iter().map(|&part| u32::from(part)).sum::<u32>() / 3
}

#[test]
fn browser_shows_what_the_document_says_and_complains_of_nothing() {
    let Some(program) = browser("browser_shows_what_the_document_says_and_complains_of_nothing") else { return };
    let hub = Hub::without_registry();
    hub.ok(["demo"]);
    let demo = "rank esmhub-demo/tweet_emotion.npz --registry esmhub-demo/pool --report r.html --plot r.svg";
    let ranking = hub.json(line(demo));
    for file in ["r.html", "r.svg"] {
        let (dom, log) = browse(&program, &hub, file, &["--dump-dom".to_owned()]);
        page_agrees(&dom, &ranking, 20);
        assert_eq!(console(&log), Vec::<&str>::new(), "{file}");
    }
    // That a complaint would be seen: something from elsewhere, which the page's own policy forbids.
    let page = std::fs::read_to_string(hub.path("r.html")).unwrap();
    hub.write(
        "reaching.html",
        page.replace("</main>", "<img src=\"file:///x.png\"><script>document.title = 1</script></main>"),
    );
    let (_, log) = browse(&program, &hub, "reaching.html", &["--dump-dom".to_owned()]);
    assert!(console(&log).iter().any(|line| line.contains("Content Security Policy")), "{log}");
}

/// Not blank, nothing over the right edge, light or dark as the reader likes it.
#[test]
fn page_fits_every_screen_and_both_themes() {
    let Some(program) = browser("page_fits_every_screen_and_both_themes") else { return };
    let hub = Hub::without_registry();
    hub.ok(["demo"]);
    for (width, dark) in [(400, false), (900, false), (900, true), (1600, false)] {
        let height = 3000;
        let shot = screenshot(&program, &hub, "esmhub-demo/ranking.html", (width, height), dark);
        assert_eq!((shot.width, shot.height), (width, height));
        assert!(shot.colours() > 50, "{width}: {} colours", shot.colours());
        assert!(shot.inked(0..width) > 0.03, "{width}: {}", shot.inked(0..width));
        let edge = shot.inked(width - 10..width);
        assert_eq!(edge, 0.0, "{width}: something reaches over the edge");
        assert_eq!(brightness(shot.background()) < 60, dark, "{width}: {:?}", shot.background());
        assert!(dark || brightness(shot.background()) > 200, "{width}: {:?}", shot.background());
    }
}
