use crate::Vendor;

/// The lines that make a CI's log fold what stands between them; for those that do it by a line.
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
