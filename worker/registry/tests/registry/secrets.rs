//! No secret of a project document leaves the parser.
//!
//! Each secret in the fixtures contains this word, wherever people are known to put one: in iwomp's keys, in a URL, as
//! the name of a secret.

use doorbell_registry::ProjectDocument;

use crate::fixtures::fixtures;

const CANARY: &str = "canary-7f3a";

#[test]
fn parsed_document_and_errors_contain_no_secret() {
    let mut seen = 0;
    for fixture in ["valid", "warnings", "invalid"].into_iter().flat_map(|folder| fixtures("project", folder)) {
        let Ok(text) = fixture.text() else { continue };
        seen += usize::from(text.contains(CANARY));
        let outcomes = [ProjectDocument::parse(None, text), ProjectDocument::parse(Some(text), "{}")];
        for outcome in outcomes {
            let output = match &outcome {
                Ok(read) => format!("{read:?} {}", serde_json::to_string(&read.document).unwrap()),
                Err(error) => format!("{error} {error:?}"),
            };
            assert!(!output.contains(CANARY), "{}: {output}", fixture.name);
        }
    }
    assert!(seen >= 15, "only {seen} fixtures hold the canary");
}
