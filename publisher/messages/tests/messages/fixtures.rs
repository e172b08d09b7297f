use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One fixture: its name below `fixtures/<kind>/`, and its bytes.
pub(crate) struct Fixture {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

impl Fixture {
    /// The fixture as a string. SQS delivers strings, so the parser never gets bytes that are not UTF-8.
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

/// The fixtures of `fixtures/<kind>/<directory>`, by name. An empty directory fails the test.
pub(crate) fn fixtures(kind: &str, directory: &str) -> Vec<Fixture> {
    let path = package().join("fixtures").join(kind).join(directory);
    let mut found: Vec<Fixture> = std::fs::read_dir(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| Fixture {
            name: format!("{directory}/{}", path.file_name().unwrap().to_str().unwrap()),
            bytes: std::fs::read(&path).unwrap(),
        })
        .collect();
    assert!(!found.is_empty(), "{} holds no fixture", path.display());
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Compares each error with `fixtures/<kind>/errors.json`.
///
/// People read these errors, so a change of their words must show in a diff.
pub(crate) fn check_rejections<T: std::fmt::Debug>(
    kind: &str,
    directories: &[&str],
    parse: impl Fn(&str) -> Result<T, String>,
) {
    let errors: BTreeMap<String, String> = directories
        .iter()
        .flat_map(|directory| fixtures(kind, directory))
        .map(|fixture| {
            let error = match fixture.text().and_then(&parse) {
                Ok(parsed) => panic!("{} was accepted: {parsed:?}", fixture.name),
                Err(error) => error,
            };
            assert!(error.bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{}: {error:?}", fixture.name);
            assert!(error.len() < 700, "{}: {} bytes", fixture.name, error.len());
            (fixture.name, error)
        })
        .collect();
    expect_table(&package().join("fixtures").join(kind).join("errors.json"), &errors);
}

/// Compares a table with its file, entry by entry, or writes it.
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
