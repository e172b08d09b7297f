//! The domain names no vendor: adapters map what is theirs.

use std::path::Path;

/// Names of vendors, which may not be part of any word.
const VENDOR_NAMES: [&str; 10] =
    ["codebuild", "batchget", "pagure", "github", "gitlab", "gitea", "forgejo", "amazon", "dynamo", "eventbridge"];

/// Abbreviations of vendors, which may not be a word.
const VENDOR_WORDS: [&str; 5] = ["aws", "iam", "sqs", "sns", "ssm"];

fn vendor_word(line: &str) -> Option<String> {
    let line = line.to_ascii_lowercase();
    let name = VENDOR_NAMES.into_iter().find(|name| line.contains(name));
    let word = line.split(|c: char| !c.is_ascii_alphanumeric()).find(|word| VENDOR_WORDS.contains(word));
    name.or(word).map(str::to_owned)
}

fn sources(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

#[test]
fn domain_sources_name_no_vendor() {
    let domain = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain");
    let all = [sources(&domain), sources(&domain.join("next"))].concat();
    assert!(all.len() > 20, "{all:?}");
    for path in all {
        for (number, line) in std::fs::read_to_string(&path).unwrap().lines().enumerate() {
            let found = vendor_word(line);
            assert_eq!(found, None, "{}:{}: {line}", path.display(), number + 1);
        }
    }
}
