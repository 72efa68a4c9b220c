//! Machines whose clocks disagree by days, or by centuries: the log says what is newest, and no clock does.

use serde_json::{Value, json};

use crate::shim::Shim;
use crate::support::{EsmFolder, Hub, at};
use crate::world::{DIMENSION, Held};

const DAY: i64 = 24 * 60 * 60;

#[test]
fn newest_is_what_the_log_says_whatever_the_clocks_say() {
    let Some(shim) = Shim::built("newest_is_what_the_log_says_whatever_the_clocks_say") else { return };
    let hub = Hub::new();
    let run = |seconds: i64, arguments: &[&str]| {
        let output = Hub::finish(shim.with_clock(hub.command(), seconds).args(arguments).arg("--json"));
        assert_eq!(output.code, 0, "{output:#?}");
        serde_json::from_str::<Value>(&output.stdout).unwrap()
    };
    // Five days ahead, nine behind, before 1970, centuries ahead, and right.
    let clocks = [5 * DAY, -9 * DAY, -100 * 365 * DAY, 500 * 365 * DAY, 0];
    for (turn, seconds) in (0..).zip(clocks) {
        let folder = hub.esm(&EsmFolder::new("mr", DIMENSION, turn));
        let published = run(seconds, &["publish", &folder]);
        assert_eq!(published["published"][0]["tag"], format!("v{}", turn + 1));
        assert_eq!(hub.json(["resolve", "mr"])["tag"], format!("v{}", turn + 1), "by a clock that is right");
        assert_eq!(run(-3 * DAY, &["resolve", "mr"])["tag"], format!("v{}", turn + 1), "by one that is not");
    }
    // A yank from the past and one from the future count from where they stand in the log.
    run(-20 * DAY, &["yank", "mr:v5"]);
    assert_eq!(hub.json(["resolve", "mr"])["tag"], "v4");
    run(20 * DAY, &["yank", "mr:v4"]);
    assert_eq!(hub.json(["resolve", "mr"])["tag"], "v3");
    run(-30 * DAY, &["yank", "mr:v5", "--undo"]);
    assert_eq!(hub.json(["resolve", "mr"])["tag"], "v5");
    let log = hub.json(["log"]);
    let events = log["events"].as_array().unwrap();
    let told: Vec<Value> = events.iter().map(|event| at(event, ["entry", "action", "tag"])).collect();
    let expected = json!([
        [1, "publish", "v1"],
        [2, "publish", "v2"],
        [3, "publish", "v3"],
        [4, "publish", "v4"],
        [5, "publish", "v5"],
        [6, "yank", "v5"],
        [7, "yank", "v4"],
        [8, "unyank", "v5"]
    ]);
    assert_eq!(Value::from(told), expected);
    // The clocks were wrong indeed, and each entry says what its writer's clock said.
    let times: Vec<u64> = events.iter().map(|event| event["time"].as_u64().unwrap()).collect();
    assert!(times[0] > times[4] && times[1] < times[4] && times[3] > times[4], "{times:?}");
    assert_eq!(times[2], 0, "there is no time before 1970");
    assert_eq!(Held::in_folder(&hub.path("pool")).0.len(), 5);
    hub.ok(["verify"]);
    // People can read it all the same.
    hub.ok(["log"]);
    hub.ok(["list", "--all"]);
    hub.ok(["show", "mr:v4"]);
}
