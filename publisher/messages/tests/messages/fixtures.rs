use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One fixture: its name below `fixtures/<kind>/`, and its bytes.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Fixture {
    /// SQS hands out text, never bytes: what is not UTF-8 has no way to the parser.
    pub(crate) fn text(&self) -> Result<&str, String> {
        std::str::from_utf8(&self.bytes).map_err(|_| "not UTF-8".to_owned())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }
}

pub(crate) fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The fixtures of `fixtures/<kind>/<folder>`, by name. An empty folder would make its test pass unread.
pub(crate) fn fixtures(kind: &str, folder: &str) -> Vec<Fixture> {
    let directory = package().join("fixtures").join(kind).join(folder);
    let mut found: Vec<Fixture> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| Fixture {
            name: format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap()),
            bytes: std::fs::read(&path).unwrap(),
        })
        .collect();
    assert!(!found.is_empty(), "{} holds no fixture", directory.display());
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// The expected text of every refusal, `fixtures/<kind>/errors.json`: a change of words is a change of the contract
/// with those who read them, so it shows in a diff.
pub(crate) fn check_rejections<T: std::fmt::Debug>(
    kind: &str,
    folders: &[&str],
    parse: impl Fn(&str) -> Result<T, String>,
) {
    let refusals: BTreeMap<String, String> = folders
        .iter()
        .flat_map(|folder| fixtures(kind, folder))
        .map(|fixture| {
            let refusal = match fixture.text().and_then(&parse) {
                Ok(parsed) => panic!("{} was accepted: {parsed:?}", fixture.name),
                Err(refusal) => refusal,
            };
            assert!(refusal.bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{}: {refusal:?}", fixture.name);
            assert!(refusal.len() < 700, "{}: {} bytes", fixture.name, refusal.len());
            (fixture.name, refusal)
        })
        .collect();
    expect_table(&package().join("fixtures").join(kind).join("errors.json"), &refusals);
}

/// Compares with a table on disk, entry by entry, or writes it.
pub(crate) fn expect_table(path: &PathBuf, found: &BTreeMap<String, String>) {
    let text = serde_json::to_string_pretty(found).unwrap() + "\n";
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    let expected: BTreeMap<String, String> = serde_json::from_str(&expected).unwrap_or_default();
    let names: std::collections::BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differences: Vec<String> = names
        .into_iter()
        .filter(|name| expected.get(*name) != found.get(*name))
        .map(|name| format!("{name}\n  expected {:?}\n  found    {:?}", expected.get(name), found.get(name)))
        .collect();
    assert!(
        differences.is_empty(),
        "{} differs (UPDATE_EXPECTED=1 rewrites it):\n{}",
        path.display(),
        differences.join("\n")
    );
}
