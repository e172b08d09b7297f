/// Partition, Region and account of an ARN.
#[derive(Debug, Clone, Copy)]
pub(super) struct ArnScope<'a> {
    partition: &'a str,
    region: &'a str,
    account: &'a str,
}

impl<'a> ArnScope<'a> {
    pub(super) fn from_arn(arn: &'a str) -> Option<Self> {
        match arn.split(':').collect::<Vec<_>>().as_slice() {
            [_, partition, _, region, account, ..] => Some(Self { partition, region, account }),
            _ => None,
        }
    }

    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        let Self { partition, region, account } = self;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// ARN of a secret, given its ARN or its name; Secrets Manager adds six characters to a name.
    pub(super) fn secret(&self, id: &str) -> String {
        if id.starts_with("arn:") { id.to_owned() } else { self.arn("secretsmanager", &format!("secret:{id}-AbCdEf")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arns_in_one_scope_share_partition_region_and_account() {
        let scope = ArnScope::from_arn("arn:aws-cn:sqs:cn-north-1:1:queue").unwrap();
        assert_eq!(scope.arn("dynamodb", "table/t"), "arn:aws-cn:dynamodb:cn-north-1:1:table/t");
        assert_eq!(scope.secret("a/b"), "arn:aws-cn:secretsmanager:cn-north-1:1:secret:a/b-AbCdEf");
        assert_eq!(scope.secret("arn:aws:x"), "arn:aws:x");
        assert!(ArnScope::from_arn("queue").is_none());
    }
}
