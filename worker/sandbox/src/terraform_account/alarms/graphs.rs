use std::collections::BTreeSet;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::cloudwatch::Metric;
use crate::terraform_account::terraform::TerraformState;

/// ECS writes these. The sandbox runs workers without it.
const NOT_IN_THE_SANDBOX: &str = "AWS/ECS";

/// Checks that each metric of the dashboard is one of those that were written.
///
/// # Errors
/// A graph would stay empty.
pub(super) fn ensure_data(plan: &TerraformState, written: &BTreeSet<Metric>) -> anyhow::Result<()> {
    let dashboard = plan.single_resource("aws_cloudwatch_dashboard")?;
    let body: Value = serde_json::from_str(dashboard["dashboard_body"].as_str().unwrap_or_default())?;
    for metric in shown_metrics(&body)?.into_iter().filter(|metric| metric.namespace != NOT_IN_THE_SANDBOX) {
        ensure!(
            written.contains(&metric),
            "a graph shows {metric:?}, which no worker and no queue wrote: {written:#?}"
        );
    }
    Ok(())
}

/// The metrics of a dashboard's graphs. A graph has them as `[namespace, name, dimension, value, …]`.
fn shown_metrics(body: &Value) -> anyhow::Result<Vec<Metric>> {
    let widgets = body["widgets"].as_array().context("the dashboard has no widgets")?;
    let metrics = widgets.iter().flat_map(|widget| widget["properties"]["metrics"].as_array().into_iter().flatten());
    let found: Vec<Metric> = metrics.map(shown_metric).collect::<anyhow::Result<_>>()?;
    ensure!(!found.is_empty(), "the dashboard shows no metric");
    Ok(found)
}

fn shown_metric(metric: &Value) -> anyhow::Result<Metric> {
    let words = metric.as_array().into_iter().flatten().map(Value::as_str).collect::<Option<Vec<_>>>();
    match words.as_deref() {
        Some([namespace, name, dimensions @ ..]) if dimensions.len() % 2 == 0 => {
            Ok(Metric::new(namespace, name, dimensions.chunks_exact(2).map(|pair| (pair[0], pair[1]))))
        }
        _ => anyhow::bail!("a graph's metric cannot be read: {metric}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn graphs_yield_each_metric_with_its_dimensions() {
        let metrics = json!([["Doorbell", "Sweeps", "Table", "jobs"], ["AWS/SQS", "Age"]]);
        let body = json!({ "widgets": [{ "properties": { "metrics": metrics } }] });
        let expected = [Metric::new("Doorbell", "Sweeps", [("Table", "jobs")]), Metric::new("AWS/SQS", "Age", [])];
        assert_eq!(shown_metrics(&body).unwrap(), expected);
        assert!(shown_metrics(&json!({ "widgets": [] })).is_err());
        assert!(shown_metric(&json!(["Doorbell", "Sweeps", "Table"])).is_err());
    }
}
