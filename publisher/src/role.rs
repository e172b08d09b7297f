use crate::failure::one_line;

/// The ARN of an IAM role: `arn:<partition>:iam::<account>:role/<path and name>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleArn(String);

impl RoleArn {
    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for RoleArn {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        const RULE: &str = "a role is arn:<partition>:iam::<12-digit account>:role/<name>";
        let good = match text.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, "iam", "", account, role] => {
                (*partition == "aws" || partition.starts_with("aws-"))
                    && account.len() == 12
                    && account.bytes().all(|b| b.is_ascii_digit())
                    && role.strip_prefix("role/").is_some_and(is_path)
            }
            _ => false,
        };
        good.then(|| Self(text.to_owned())).ok_or_else(|| format!("\"{}\" is refused: {RULE}", one_line(text)))
    }
}

impl std::fmt::Display for RoleArn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_path(text: &str) -> bool {
    (1..=600).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, good: bool) {
        assert_eq!(text.parse::<RoleArn>().is_ok(), good, "{text}");
    }

    #[test]
    fn only_iam_role_arn_is_accepted() {
        check("arn:aws:iam::123456789012:role/publisher", true);
        check("arn:aws-cn:iam::123456789012:role/ci/publisher", true);
        check("arn:aws:iam::123456789012:user/publisher", false);
        check("arn:aws:iam::12:role/publisher", false);
        check("arn:aws:iam::123456789012:role/", false);
        check("arn:aws:sns:eu-west-1:123456789012:role/x", false);
        check("publisher", false);
    }
}
