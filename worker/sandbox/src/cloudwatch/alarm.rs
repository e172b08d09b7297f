use std::time::Duration;

use anyhow::{Context, bail, ensure};
use jiff::Timestamp;
use serde_json::Value;

use super::metric::{Metric, ObservedMetrics};

/// An alarm of one metric, as Terraform defines it.
#[derive(Debug, Clone)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) metric: Metric,
    statistic: Statistic,
    comparison: Comparison,
    threshold: f64,
    period: Duration,
    evaluation_periods: u32,
    datapoints_to_alarm: u32,
    missing_data: MissingData,
}

#[derive(Debug, Clone, Copy)]
enum Statistic {
    Sum,
    Maximum,
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    GreaterThan,
    LessThan,
}

/// What a period without data counts as.
#[derive(Debug, Clone, Copy, PartialEq)]
enum MissingData {
    Breaching,
    NotBreaching,
}

/// CloudWatch evaluates an alarm with a period of a minute or longer once a minute.
const EVALUATION_INTERVAL: Duration = Duration::from_secs(60);

impl Alarm {
    /// Parses the values of an `aws_cloudwatch_metric_alarm`.
    ///
    /// # Errors
    /// A value is missing, or is of a kind that no alarm of the module has.
    pub(crate) fn parse(values: &Value) -> anyhow::Result<Self> {
        let name = text(values, "alarm_name")?;
        Self::parse_named(name, values).with_context(|| format!("the alarm {name}"))
    }

    fn parse_named(name: &str, values: &Value) -> anyhow::Result<Self> {
        let dimensions = values["dimensions"].as_object().context("dimensions is missing")?;
        let dimensions = dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()));
        let evaluation_periods = whole(values, "evaluation_periods")?;
        Ok(Self {
            name: name.to_owned(),
            metric: Metric::new(text(values, "namespace")?, text(values, "metric_name")?, dimensions),
            statistic: match text(values, "statistic")? {
                "Sum" => Statistic::Sum,
                "Maximum" => Statistic::Maximum,
                other => bail!("unknown statistic {other}"),
            },
            comparison: match text(values, "comparison_operator")? {
                "GreaterThanThreshold" => Comparison::GreaterThan,
                "LessThanThreshold" => Comparison::LessThan,
                other => bail!("unknown comparison {other}"),
            },
            threshold: values["threshold"].as_f64().context("threshold is missing")?,
            period: Duration::from_secs(whole(values, "period")?.into()),
            evaluation_periods,
            // 0 and null are Terraform's ways to write CloudWatch's default.
            datapoints_to_alarm: whole(values, "datapoints_to_alarm")
                .ok()
                .filter(|count| *count > 0)
                .unwrap_or(evaluation_periods),
            missing_data: match text(values, "treat_missing_data")? {
                "breaching" => MissingData::Breaching,
                "notBreaching" => MissingData::NotBreaching,
                other => bail!("unknown treatment of missing data {other}"),
            },
        })
    }

    /// Whether it goes on at any time of what was observed.
    pub(crate) fn fires(&self, observed: &ObservedMetrics) -> bool {
        let mut at = observed.until;
        while at > observed.from {
            if self.is_breached(observed, at) {
                return true;
            }
            at -= EVALUATION_INTERVAL;
        }
        false
    }

    /// Evaluates it once. Where missing data is the fault, time before the observation says nothing.
    fn is_breached(&self, observed: &ObservedMetrics, at: Timestamp) -> bool {
        if self.missing_data == MissingData::Breaching && at - self.period * self.evaluation_periods < observed.from {
            return false;
        }
        let is_breaching = |number: &u32| {
            let values = observed.values(&self.metric, at - self.period * *number, self.period);
            self.statistic.of(&values).map_or(self.missing_data == MissingData::Breaching, |value| self.compare(value))
        };
        let breaching = (0..self.evaluation_periods).filter(is_breaching).count();
        breaching >= self.datapoints_to_alarm as usize
    }

    fn compare(&self, value: f64) -> bool {
        match self.comparison {
            Comparison::GreaterThan => value > self.threshold,
            Comparison::LessThan => value < self.threshold,
        }
    }
}

impl Statistic {
    /// None without values.
    fn of(self, values: &[f64]) -> Option<f64> {
        let combine = match self {
            Self::Sum => |a: f64, b: f64| a + b,
            Self::Maximum => f64::max,
        };
        values.iter().copied().reduce(combine)
    }
}

fn text<'a>(values: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    values[field].as_str().filter(|text| !text.is_empty()).with_context(|| format!("{field} is missing"))
}

fn whole(values: &Value, field: &str) -> anyhow::Result<u32> {
    let value = values[field].as_u64().with_context(|| format!("{field} is missing"))?;
    ensure!(value <= 86_400, "{field} is too large");
    Ok(u32::try_from(value)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cloudwatch::Datapoint;

    const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn refusals() -> Value {
        json!({
            "alarm_name": "starts-refused", "namespace": "Doorbell", "metric_name": "StartsRefused",
            "dimensions": { "Table": "jobs" }, "statistic": "Sum", "comparison_operator": "GreaterThanThreshold",
            "threshold": 2, "period": 120, "evaluation_periods": 1, "datapoints_to_alarm": null,
            "treat_missing_data": "notBreaching",
        })
    }

    fn with(mut values: Value, field: &str, value: Value) -> Value {
        values[field] = value;
        values
    }

    /// Values of the metric that [`refusals`] reads, by the second, in so many minutes.
    fn observe(minutes: u64, points: &[(u64, f64)]) -> ObservedMetrics {
        let metric = Metric::new("Doorbell", "StartsRefused", [("Table", "jobs")]);
        let point = |(second, value): &(u64, f64)| Datapoint {
            metric: metric.clone(),
            at: START + Duration::from_secs(*second),
            value: *value,
        };
        let until = START + Duration::from_secs(minutes * 60);
        ObservedMetrics { from: START, until, datapoints: points.iter().map(point).collect() }
    }

    fn fires(values: &Value, observed: &ObservedMetrics) -> bool {
        Alarm::parse(values).unwrap().fires(observed)
    }

    #[test]
    fn statistic_of_one_period_is_compared() {
        assert!(fires(&refusals(), &observe(5, &[(60, 2.0), (100, 1.0)])));
        assert!(!fires(&refusals(), &observe(5, &[(60, 2.0)])), "the threshold itself is no breach");
        assert!(!fires(&refusals(), &observe(5, &[(60, 2.0), (200, 1.0)])), "no period holds both");
        assert!(!fires(&refusals(), &observe(5, &[])));
        let maximum = with(refusals(), "statistic", json!("Maximum"));
        assert!(!fires(&maximum, &observe(5, &[(60, 2.0), (100, 1.0)])));
        assert!(fires(&maximum, &observe(5, &[(60, 3.0)])));
    }

    #[test]
    fn alarm_of_another_metric_never_fires() {
        let observed = observe(5, &[(60, 9.0)]);
        assert!(fires(&refusals(), &observed));
        for (field, other) in [
            ("namespace", json!("doorbell")),
            ("metric_name", json!("StartRefused")),
            ("dimensions", json!({ "Table": "other" })),
            ("dimensions", json!({ "table": "jobs" })),
            ("dimensions", json!({ "Table": "jobs", "Project": "demo" })),
            ("dimensions", json!({})),
        ] {
            let alarm = Alarm::parse(&with(refusals(), field, other)).unwrap();
            assert!(!alarm.fires(&observed) && !observed.has(&alarm.metric), "{alarm:?}");
        }
    }

    #[test]
    fn missing_data_fires_once_enough_periods_were_observed() {
        let mut sweeps = with(refusals(), "treat_missing_data", json!("breaching"));
        sweeps = with(sweeps, "comparison_operator", json!("LessThanThreshold"));
        for (field, value) in [("threshold", 1), ("evaluation_periods", 3), ("datapoints_to_alarm", 2)] {
            sweeps = with(sweeps, field, json!(value));
        }
        let every_minute = |until: u64| (0..until).map(|minute| (minute * 60 + 5, 12.0)).collect::<Vec<_>>();
        assert!(!fires(&sweeps, &observe(16, &every_minute(16))));
        assert!(fires(&sweeps, &observe(16, &every_minute(11))), "the last five minutes are empty");
        assert!(!fires(&sweeps, &observe(5, &[])), "six minutes were not observed yet");
    }

    #[test]
    fn incomplete_or_unknown_values_are_an_error() {
        for (field, value) in [
            ("statistic", json!("p95")),
            ("comparison_operator", json!("GreaterThanUpperThreshold")),
            ("treat_missing_data", json!("missing")),
            ("metric_name", json!("")),
            ("dimensions", Value::Null),
            ("period", Value::Null),
        ] {
            let error = format!("{:#}", Alarm::parse(&with(refusals(), field, value)).unwrap_err());
            assert!(error.starts_with("the alarm starts-refused: "), "{error}");
        }
    }
}
