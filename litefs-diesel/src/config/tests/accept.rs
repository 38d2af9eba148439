//! Whose writes a node takes.

use super::super::{AcceptWrites, Config};
use super::settings;

const BEFORE: &str = "[repo.Repo]\ndatabase = '/nowhere/app.db'\n[litefs]\n[cluster]\n";

fn accept<const N: usize>(cluster: &str, environment: [(&str, &str); N]) -> Result<AcceptWrites, String> {
    let settings = settings(&format!("{BEFORE}{cluster}"), environment);
    settings.map(|settings| settings.cluster.accept).map_err(|error| error.to_string())
}

fn from(nodes: &[&str]) -> AcceptWrites {
    AcceptWrites::From(nodes.iter().map(|node| (*node).to_owned()).collect())
}

#[test]
fn all_are_taken_unless_a_setting_says_whose() {
    assert_eq!(accept("", []), Ok(AcceptWrites::All));
    assert_eq!(accept("accept_writes = true", []), Ok(AcceptWrites::All));
    assert_eq!(accept("accept_writes = false", []), Ok(AcceptWrites::None));
    assert_eq!(accept("accept_writes_from = ['ams', 'ord']", []), Ok(from(&["ams", "ord"])));
    let variable = ("LITEFS_DIESEL__CLUSTER__ACCEPT_WRITES_FROM", "ams, ord");
    assert_eq!(accept("", [variable]), Ok(from(&["ams", "ord"])));
    let alone = || Config::new("/nowhere/app.db").litefs_http("http://127.0.0.1:20202");
    let of = |config: Config| config.resolve().unwrap().cluster.accept;
    assert_eq!(of(alone().accept_writes(false)), AcceptWrites::None);
    assert_eq!(of(alone().accept_writes_from(["ams"])), from(&["ams"]));
}

#[test]
fn what_makes_no_sense_is_an_error_that_names_the_setting() {
    let nodes = "nodes = ['ams', 'ord']\npeer = '{hostname}:7117'\nlisten = '127.0.0.1:0'\ninsecure = true";
    for (cluster, says) in [
        ("accept_writes = false\naccept_writes_from = ['ams']", "leave one of the two out"),
        ("accept_writes_from = []", "it names no node"),
        ("accept_writes_from = ['']", "or an empty one"),
        (&format!("{nodes}\naccept_writes_from = ['amz']"), "`amz` is none of `cluster.nodes`"),
    ] {
        let error = accept(cluster, []).unwrap_err();
        assert!(error.contains("`cluster.accept_writes_from`") && error.contains(says), "{cluster}: {error}");
    }
    assert!(accept(&format!("{nodes}\naccept_writes_from = ['ams']"), []).is_ok());
}

#[test]
fn each_refusal_names_its_setting() {
    assert_eq!(AcceptWrites::All.refuses("ams"), None);
    assert_eq!(AcceptWrites::None.refuses("ams"), Some("cluster.accept_writes"));
    assert_eq!(from(&["ams"]).refuses("ams"), None);
    assert_eq!(from(&["ams"]).refuses("ord"), Some("cluster.accept_writes_from"));
}
