//! Every secret in the fixtures of a project holds this word, wherever people are known to put one: in iwomp's
//! keys, in a URL, in the place of a secret's name.

use doorbell_messages::{GitUrl, ProjectDocument};
use proptest::prelude::*;

use crate::fixtures::fixtures;

const CANARY: &str = "canary-7f3a";

#[test]
fn no_secret_of_a_document_is_in_what_we_keep_or_say() {
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

proptest! {
    #[test]
    fn no_password_of_a_refused_url_is_told(
        scheme in "https|http|ssh|git|ftp", user in "[a-z]{0,5}", before in "[!-~]{0,6}", after in "[!-?A-~]{0,6}", host in "[a-z.]{0,8}",
    ) {
        let url = format!("{scheme}://{user}:{before}{CANARY}{after}@{host}/x.git");
        let error = url.parse::<GitUrl>().unwrap_err();
        prop_assert!(!error.contains(CANARY), "{error}");
    }
}
