use std::collections::BTreeMap;

use aws_sdk_codebuild::types::Project;
use doorbell_adapters::aws::AwsCallError;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::DoctorContext;
use super::check::Check;
use crate::error::is_denied;
use crate::sigv4_client::AwsService;

/// A kind of build machine, whose concurrent builds the account limits with a quota of its own.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Machine {
    environment: &'static str,
    compute: &'static str,
    name: &'static str,
    quota: &'static str,
}

/// The kinds that Terraform's module creates. The codes are not part of AWS's documentation: each quota's name is compared.
const MACHINES: [Machine; 10] = [
    machine("LINUX_CONTAINER", "BUILD_GENERAL1_SMALL", "Linux/Small", "L-9D07B6EF"),
    machine("LINUX_CONTAINER", "BUILD_GENERAL1_MEDIUM", "Linux/Medium", "L-2DC20C30"),
    machine("LINUX_CONTAINER", "BUILD_GENERAL1_LARGE", "Linux/Large", "L-4DDC4A99"),
    machine("LINUX_CONTAINER", "BUILD_GENERAL1_XLARGE", "Linux/XLarge", "L-04E5CA62"),
    machine("LINUX_CONTAINER", "BUILD_GENERAL1_2XLARGE", "Linux/2XLarge", "L-0397D009"),
    machine("ARM_CONTAINER", "BUILD_GENERAL1_SMALL", "ARM/Small", "L-5ED1D25B"),
    machine("ARM_CONTAINER", "BUILD_GENERAL1_MEDIUM", "ARM/Medium", "L-DF544FF3"),
    machine("ARM_CONTAINER", "BUILD_GENERAL1_LARGE", "ARM/Large", "L-596BEAB4"),
    machine("ARM_CONTAINER", "BUILD_GENERAL1_XLARGE", "ARM/XLarge", "L-8D06F3EA"),
    machine("ARM_CONTAINER", "BUILD_GENERAL1_2XLARGE", "ARM/2XLarge", "L-1E43FDE0"),
];

const fn machine(environment: &'static str, compute: &'static str, name: &'static str, quota: &'static str) -> Machine {
    Machine { environment, compute, name, quota }
}

/// A build project's own limit of concurrent builds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ProjectLimit {
    project: String,
    limit: Option<i64>,
}

/// Compares the account's quotas of concurrent builds with the limits of the build projects that share each.
///
/// A quota is no link from a topic to a forge: a query that fails skips the check and fails nothing.
pub(super) async fn check(context: &DoctorContext<'_>, projects: &[Project]) -> Vec<Check> {
    let mut limits: BTreeMap<&Machine, Vec<ProjectLimit>> = BTreeMap::new();
    for project in projects {
        let limit = project.concurrent_build_limit().map(i64::from);
        let project_limit = ProjectLimit { project: project.name().unwrap_or_default().to_owned(), limit };
        if let Some(machine) = machine_of(project) {
            limits.entry(machine).or_default().push(project_limit);
        }
    }
    let by_machine = join_all(limits.iter().map(|(machine, limits)| check_machine(context, machine, limits)));
    let (found, max_builds) = futures_util::join!(by_machine, installation_limit(context));
    let quotas: Vec<(&Machine, Option<i64>)> =
        limits.keys().copied().zip(found.iter().map(|(_, quota)| *quota)).collect();
    let installation = max_builds.and_then(|max| evaluate_installation(max, &quotas));
    found.into_iter().map(|(check, _)| check).chain(installation).collect()
}

/// DOORBELL_MAX_BUILDS of the worker that swept last; none if nothing limits the installation.
///
/// From the heartbeat: an operator's own variables may differ.
async fn installation_limit(context: &DoctorContext<'_>) -> Option<i64> {
    let ledger = context.account.ledger(context.installation).ok()?;
    ledger.last_sweep().await.ok()??.max_builds.map(i64::from)
}

/// A limit above all quotas together never holds: jobs wait at the quota, which other programs share.
///
/// Nothing can be said while a quota is not known, and nothing need be said without any.
fn evaluate_installation(max: i64, quotas: &[(&Machine, Option<i64>)]) -> Option<Check> {
    let known: Vec<(&Machine, i64)> =
        quotas.iter().filter_map(|(machine, quota)| Some((*machine, (*quota)?))).collect();
    let (widest, _) = known.iter().max_by_key(|(_, quota)| *quota)?;
    if known.len() < quotas.len() {
        return None;
    }
    let sum: i64 = known.iter().map(|(_, quota)| quota).sum();
    let parts: Vec<String> = known.iter().map(|(machine, quota)| format!("{} {quota}", machine.name)).collect();
    let check = "build-quota-installation";
    let both = format!(
        "DOORBELL_MAX_BUILDS is {max}, and the account's quota of concurrent builds {sum} ({})",
        parts.join(", ")
    );
    if max <= sum {
        return Some(Check::ok(check, format!("{both}: jobs wait at the limit")));
    }
    let message = format!("{both}: the limit never holds, and jobs wait at the quota, in no order of Doorbell's");
    let raised = max - sum + known.iter().map(|(_, quota)| *quota).max().unwrap_or_default();
    let fix = format!(
        "set DOORBELL_MAX_BUILDS (Terraform: worker.max_builds) to at most {sum}, or raise the quota: {}",
        widest.increase(raised)
    );
    Some(Check::warning(check, message, fix))
}

fn machine_of(project: &Project) -> Option<&'static Machine> {
    let environment = project.environment()?;
    let (kind, compute) = (environment.r#type().as_str(), environment.compute_type().as_str());
    MACHINES.iter().find(|machine| machine.environment == kind && machine.compute == compute)
}

async fn check_machine(
    context: &DoctorContext<'_>,
    machine: &Machine,
    limits: &[ProjectLimit],
) -> (Check, Option<i64>) {
    let body = json!({ "ServiceCode": "codebuild", "QuotaCode": machine.quota });
    let target = "ServiceQuotasV20190624.GetServiceQuota";
    match context.sigv4.json(AwsService::ServiceQuotas, target, &body).await {
        Ok(answer) => match quota_in(&answer, machine) {
            Ok(quota) => (evaluate(machine, quota, limits), Some(quota)),
            Err(reason) => (Check::skipped(machine.check(), reason, machine.console()), None),
        },
        Err(error) => (query_failed(machine, &error), None),
    }
}

/// The number of builds in a GetServiceQuota answer, if the quota is that of the machine.
fn quota_in(answer: &Value, machine: &Machine) -> Result<i64, String> {
    let name = answer["Quota"]["QuotaName"].as_str().unwrap_or_default();
    if !name.contains(&format!(" {} ", machine.name)) {
        return Err(format!("AWS names the quota {} \"{name}\", not that of {}", machine.quota, machine.name));
    }
    // A JSON number with a fraction, such as `20.0`.
    let value = answer["Quota"]["Value"].as_f64().filter(|value| (0.0..1e9).contains(value));
    value.map(|value| value as i64).ok_or_else(|| "AWS returned a quota without a value".to_owned())
}

fn query_failed(machine: &Machine, error: &AwsCallError) -> Check {
    let fix = match error.code.as_deref().is_some_and(is_denied) {
        true => {
            "grant these credentials servicequotas:GetServiceQuota; worker/cli/README.md lists all permissions".into()
        }
        false => machine.console(),
    };
    Check::skipped(machine.check(), format!("the quota of {} is not known: {error}", machine.name), fix)
}

fn evaluate(machine: &Machine, quota: i64, limits: &[ProjectLimit]) -> Check {
    let (check, name) = (machine.check(), machine.name);
    if quota == 0 {
        let message = format!("the account's quota of concurrent builds on {name} is 0: no build can start");
        return Check::failure(check, message, machine.increase(1));
    }
    let above: Vec<String> = limits
        .iter()
        .filter_map(|ProjectLimit { project, limit }| {
            limit.filter(|limit| *limit > quota).map(|limit| format!("{project} ({limit})"))
        })
        .collect();
    let shared = format!("the account's quota of concurrent builds on {name} is {quota}");
    if !above.is_empty() {
        let highest = limits.iter().filter_map(|of| of.limit).max().unwrap_or_default();
        let message = format!("{shared}, below the limits of the build projects {}", above.join(", "));
        return Check::warning(check, message, machine.increase(highest));
    }
    Check::ok(check, format!("{shared}; {}", describe_limits(quota, limits)))
}

/// How far the installation can use the quota.
fn describe_limits(quota: i64, limits: &[ProjectLimit]) -> String {
    match limits.iter().map(|of| of.limit).sum::<Option<i64>>() {
        Some(sum) if sum <= quota => {
            format!("the limits of the build projects add up to {sum}, so it is never reached")
        }
        Some(sum) => format!("the limits of the build projects add up to {sum}, so jobs wait when it is reached"),
        None => {
            let unlimited = limits.iter().filter(|of| of.limit.is_none()).count();
            let of = limits.len();
            format!("{unlimited} of {of} build projects have no limit of their own: jobs wait when it is reached")
        }
    }
}

impl Machine {
    fn check(&self) -> String {
        format!("build-quota-{}", self.name.to_ascii_lowercase().replace('/', "-"))
    }

    fn console(&self) -> String {
        format!("Service Quotas console, AWS CodeBuild, \"Concurrently running builds for {} environment\"", self.name)
    }

    fn increase(&self, value: i64) -> String {
        format!(
            "aws service-quotas request-service-quota-increase --service-code codebuild --quota-code {} --desired-value \
             {value}",
            self.quota
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::CheckState;
    use super::*;

    const SMALL: &Machine = &MACHINES[0];

    fn limits(of: &[Option<i64>]) -> Vec<ProjectLimit> {
        of.iter().enumerate().map(|(at, limit)| ProjectLimit { project: format!("p{at}"), limit: *limit }).collect()
    }

    #[test]
    fn quota_is_compared_with_build_project_limits() {
        let compare = |quota: i64, of: &[Option<i64>], state: CheckState, words: &str| {
            let check = evaluate(SMALL, quota, &limits(of));
            assert_eq!((check.name.as_str(), check.state), ("build-quota-linux-small", state), "{check:?}");
            assert!(check.message.contains(words), "{check:?}");
            assert_eq!(check.fix.is_some(), state != CheckState::Ok);
        };
        compare(0, &[None], CheckState::Failure, "no build can start");
        compare(1, &[None, Some(1)], CheckState::Ok, "1 of 2 build projects have no limit of their own");
        compare(5, &[Some(2), Some(3)], CheckState::Ok, "add up to 5, so it is never reached");
        compare(5, &[Some(3), Some(3)], CheckState::Ok, "add up to 6, so jobs wait");
        compare(5, &[Some(6), Some(1)], CheckState::Warning, "below the limits of the build projects p0 (6)");
        compare(1, &[Some(1), Some(2), None], CheckState::Warning, "p1 (2)");
    }

    #[test]
    fn installation_limit_is_compared_with_the_quotas() {
        let [small, medium] = [&MACHINES[0], &MACHINES[1]];
        let one = evaluate_installation(20, &[(small, Some(20))]).unwrap();
        assert_eq!((one.state, one.fix), (CheckState::Ok, None));
        let above = evaluate_installation(40, &[(small, Some(20))]).unwrap();
        assert_eq!(above.state, CheckState::Warning);
        assert!(
            above.message.contains("DOORBELL_MAX_BUILDS is 40") && above.message.contains("Linux/Small 20"),
            "{above:?}"
        );
        let fix = above.fix.unwrap();
        assert!(fix.contains("at most 20") && fix.contains("L-9D07B6EF --desired-value 40"), "{fix}");
        // Machines of several kinds: the limit is of all builds, the quotas are of each kind.
        let both = evaluate_installation(25, &[(small, Some(20)), (medium, Some(5))]).unwrap();
        assert_eq!(both.state, CheckState::Ok);
        assert_eq!(
            evaluate_installation(26, &[(small, Some(20)), (medium, Some(5))]).unwrap().state,
            CheckState::Warning
        );
        assert!(evaluate_installation(26, &[(small, Some(20)), (medium, None)]).is_none());
        assert!(evaluate_installation(26, &[]).is_none());
    }

    #[test]
    fn only_the_quota_of_the_machine_is_read() {
        let answer = |name: &str, value: Value| json!({ "Quota": { "QuotaName": name, "Value": value } });
        let name = "Concurrently running builds for Linux/Small environment";
        assert_eq!(quota_in(&answer(name, json!(20.0)), SMALL), Ok(20));
        assert_eq!(quota_in(&answer(name, json!(0)), SMALL), Ok(0));
        for (name, value) in [(name, json!(null)), (name, json!(-1.0)), ("", json!(20.0))] {
            assert!(quota_in(&answer(name, value), SMALL).is_err());
        }
        // The name of Linux/2XLarge contains that of another size.
        let other = "Concurrently running builds for Linux/2XLarge environment";
        assert!(quota_in(&answer(other, json!(1.0)), &MACHINES[3]).is_err());
        assert_eq!(quota_in(&answer(other, json!(1.0)), &MACHINES[4]), Ok(1));
    }

    #[test]
    fn machines_and_their_quotas_are_distinct() {
        for of in [|machine: &Machine| machine.quota, |machine: &Machine| machine.name] {
            let distinct: std::collections::BTreeSet<_> = MACHINES.iter().map(of).collect();
            assert_eq!(distinct.len(), MACHINES.len());
        }
    }
}
