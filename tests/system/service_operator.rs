//! Who runs the service: keys, the loopback rule, models put to work and taken back, the doctor.

use std::path::Path;

use homing_models::{Alias, Bundle, Registry};
use serde_json::json;

use crate::support::{bundle, homing, registry, run, scratch};

#[test]
fn without_keys_homing_listens_on_loopback_only() {
    let folder = scratch();
    let mut command = homing();
    command.args(["serve", "--listen", "0.0.0.0:0", "--registry"]).arg(registry());
    run::<&str>(command, folder.path(), []).says(2, &["without API keys", "loopback", "homing keys create"]);
}

#[test]
fn a_key_is_shown_once_listed_without_its_text_and_revoked() {
    let folder = scratch();
    let made =
        run(homing(), folder.path(), ["keys", "create", "--role", "reader", "--name", "till", "--json"])
            .json();
    let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
    assert_eq!((key.len(), made["role"].as_str()), (71, Some("reader")));
    let listed = run(homing(), folder.path(), ["keys", "list", "--json"]);
    assert!(!listed.out.contains(key));
    assert_eq!(listed.json()["keys"][0]["name"], "till");
    run(homing(), folder.path(), ["keys", "revoke", id]).says(0, &["revoked"]);
    run(homing(), folder.path(), ["keys", "revoke", "nonsense"]).says(2, &["no key", "homing keys list"]);
    run(homing(), folder.path(), ["keys", "create", "--role", "king"]).says(2, &["reader"]);
}

#[test]
fn champions_that_were_are_gone_back_to_one_by_one() {
    let folder = scratch();
    let models = Registry::at(folder.path());
    let first = Bundle::load(&bundle(registry())).unwrap();
    let bundles = [
        first.clone(),
        first.clone().with_report("<p>second</p>").unwrap(),
        first.with_report("<p>third</p>").unwrap(),
    ];
    let name = bundles[0].manifest().name.clone();
    for one in &bundles {
        models.register(one, Alias::Champion).unwrap();
    }
    let [a, b, c] = bundles.map(|one| one.manifest().version.clone());
    assert_eq!(models.version(&name, Alias::Champion), Some(c));
    assert_eq!(models.rollback(&name).unwrap(), Some(b));
    assert_eq!(models.rollback(&name).unwrap(), Some(a.clone()));
    assert_eq!(models.rollback(&name).unwrap(), None);
    assert_eq!(models.version(&name, Alias::Champion), Some(a));
}

#[test]
fn the_doctor_finds_nothing_where_all_is_well_and_names_what_is_not() {
    let folder = scratch();
    let ask = |registry: &Path| {
        let mut command = homing();
        command.args(["doctor", "--json", "--registry"]).arg(registry);
        run::<&str>(command, folder.path(), [])
    };
    let well = ask(registry()).json();
    assert_eq!(well["ok"], json!(true), "{well:#}");
    let ill = ask(&folder.path().join("nothing"));
    assert_eq!(ill.code, 1, "{ill:#?}");
    let told: serde_json::Value = serde_json::from_str(&ill.out).unwrap();
    let registry =
        told["checks"].as_array().unwrap().iter().find(|check| check["check"] == "registry").unwrap();
    assert_eq!(registry["ok"], json!(false));
    assert!(registry["fix"].as_str().unwrap().contains("homing-train fit"), "{registry}");
}
