use crate::Vendor;

/// The lines that begin and end a group in a CI's log.
pub(crate) fn markers(vendor: Option<Vendor>) -> Option<(&'static str, Option<&'static str>)> {
    match vendor? {
        Vendor::Github | Vendor::Gitea | Vendor::Forgejo => {
            Some(("::group::Doorbell: the context", Some("::endgroup::")))
        }
        Vendor::Azure => Some(("##[group]Doorbell: the context", Some("##[endgroup]"))),
        // A group lasts until the next one begins.
        Vendor::Buildkite => Some(("~~~ Doorbell: the context", None)),
        _ => None,
    }
}
