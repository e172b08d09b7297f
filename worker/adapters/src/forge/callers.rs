//! The callers of the forges' HTTP client. The worker has one, which takes a permit for each call.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What only these files may hold: outside tests, and outside the sandbox, which is not shipped.
const ALLOWED: [(&str, &[&str]); 6] = [
    // The worker's calls: each takes a permit of the forge.
    (".report_status(", &["engine/src/effects.rs", "engine/src/forge_calls.rs"]),
    // `doorbell explain` asks once, for a person.
    (".resolve_ref(", &["cli/src/explain.rs", "engine/src/effects.rs", "engine/src/forge_calls.rs"]),
    // So does `doorbell doctor`.
    (".verify_token(", &["cli/src/doctor/registry.rs"]),
    ("PagureReporter::new(", &["cli/src/dispatch.rs", "cli/src/doctor/mod.rs", "src/service.rs"]),
    // The collector's client calls no forge and needs no permit: its URL is the owner's setting (decision 0080).
    ("CollectorClient::new(", &["src/metrics/otlp/mod.rs"]),
    // The only HTTP clients besides the SDK's that the worker links: the collector's and the forges'.
    (
        "reqwest::",
        &[
            "adapters/src/collector/client.rs",
            "adapters/src/collector/headers.rs",
            "adapters/src/collector/url.rs",
            "adapters/src/forge/address.rs",
            "adapters/src/forge/ca_certificates.rs",
            "adapters/src/forge/client.rs",
            "adapters/src/forge/network.rs",
            "adapters/src/forge/pagure/mod.rs",
            "adapters/src/forge/pagure/ref_resolver.rs",
            "adapters/src/forge/pagure/response.rs",
            "cli/src/git_host.rs",
            "cli/src/sigv4_client.rs",
        ],
    ),
];

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        let name = entry.file_name().unwrap().to_str().unwrap().to_owned();
        if entry.is_dir() && !["tests", "stubs", "sandbox", "target"].contains(&name.as_str()) {
            sources(&entry, found);
        } else if name.ends_with(".rs") && !["tests.rs", "callers.rs"].contains(&name.as_str()) {
            found.push(entry);
        }
    }
}

#[test]
fn forge_client_has_only_the_listed_callers() {
    let worker = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    sources(worker, &mut files);
    assert!(files.len() > 100, "{}", files.len());
    for (text, allowed) in ALLOWED {
        let holds = |path: &&PathBuf| {
            let source = std::fs::read_to_string(path).unwrap();
            source.split("#[cfg(test)]").next().unwrap().contains(text)
        };
        let callers: BTreeSet<&str> =
            files.iter().filter(holds).map(|path| path.strip_prefix(worker).unwrap().to_str().unwrap()).collect();
        assert_eq!(callers, allowed.iter().copied().collect(), "{text}");
    }
}
