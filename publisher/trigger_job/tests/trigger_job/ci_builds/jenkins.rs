//! Jenkins without its root URL, with refspecs of its own, and with several checkouts.
use super::{MAIN, PULL_REQUEST, TAG, build};
use crate::vendors::HEAD;

const NO_ROOT_URL: [(&str, &str); 2] = [("JENKINS_URL", ""), ("BUILD_URL", "")];

#[tokio::test]
async fn jenkins_without_root_url_is_detected() {
    let shown = build("jenkins", "freestyle", &NO_ROOT_URL).show().await;
    shown.expect(0, MAIN, HEAD, "no");
    assert_eq!([shown.value("vendor"), shown.value("project"), shown.value("buildUrl")], ["jenkins", "demo", "-"]);
    let shown = build("jenkins", "fork", &NO_ROOT_URL).with_arguments(&["demo"]).show().await;
    assert_eq!((shown.result.exit_code, shown.value("ref"), shown.value("fork")), (Some(3), PULL_REQUEST, "yes"));
    // An agent may have no JENKINS_HOME.
    let on_agent = [&NO_ROOT_URL[..], &[("JENKINS_HOME", "")]].concat();
    assert_eq!(build("jenkins", "push", &on_agent).show().await.value("vendor"), "jenkins");
    // A shell in Jenkins' own image is no build.
    let shell = [&NO_ROOT_URL[..], &[("BUILD_NUMBER", ""), ("BUILD_ID", ""), ("BUILD_TAG", ""), ("JOB_NAME", "")]];
    assert_eq!(build("jenkins", "push", &shell.concat()).show().await.value("vendor"), "-");
}

#[tokio::test]
async fn jenkins_without_root_url_derives_its_id_from_job_and_number() {
    let mut ids = Vec::new();
    for more in [
        &[][..],
        &[("BUILD_NUMBER", "13"), ("BUILD_ID", "13"), ("BUILD_TAG", "jenkins-acme-demo-main-13")],
        &[("JOB_NAME", "acme/other/main"), ("BUILD_TAG", "jenkins-acme-other-main-12")],
        // BUILD_TAG of this job is the first one's.
        &[("JOB_NAME", "acme-demo/main")],
    ] {
        let changes = [&NO_ROOT_URL[..], more].concat();
        let (first, again) = (build("jenkins", "push", &changes), build("jenkins", "push", &changes));
        let (first, again) = (first.show().await, again.show().await);
        assert!(first.value("id").starts_with("jenkins-"), "{:#}", first.context);
        assert_eq!(first.value("id"), again.value("id"));
        ids.push(first.value("id").to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn jenkins_refspec_of_pull_requests_is_no_branch() {
    for branch in ["origin/pr/7/head", "origin/pull/7/merge", "pr/7/head", "refs/pull/7/head"] {
        let shown = build("jenkins", "freestyle", &[("GIT_BRANCH", branch)]).show().await;
        assert_eq!((shown.value("ref"), shown.value("fork")), (PULL_REQUEST, "-"), "{branch}");
        assert_eq!(shown.result.exit_code, Some(3));
    }
    let lost = [("CHANGE_ID", ""), ("CHANGE_FORK", "")];
    let shown = build("jenkins", "fork", &lost).show().await;
    assert_eq!((shown.value("ref"), shown.value("fork")), (PULL_REQUEST, "-"));
    build("jenkins", "freestyle", &[("GIT_BRANCH", TAG)]).show().await.expect(0, TAG, HEAD, "no");
}
