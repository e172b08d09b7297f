use doorbell_messages::GitUrl;
use proptest::prelude::*;

const CANARY: &str = "canary-7f3a";

proptest! {
    #[test]
    fn rejected_url_error_contains_no_password(
        scheme in "https|http|ssh|git|ftp", user in "[a-z]{0,5}", before in "[!-~]{0,6}", after in "[!-?A-~]{0,6}", host in "[a-z.]{0,8}",
    ) {
        let url = format!("{scheme}://{user}:{before}{CANARY}{after}@{host}/x.git");
        let error = url.parse::<GitUrl>().unwrap_err();
        prop_assert!(!error.contains(CANARY), "{error}");
    }
}
