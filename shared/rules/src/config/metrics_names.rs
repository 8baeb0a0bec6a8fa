//! Namespace and dimensions of the metrics. Separate from `Config`, so that a broken configuration
//! still produces metrics.

use super::{ConfigError, Variables, names};

/// CloudWatch's limit (PutMetricData, `Namespace`).
const LONGEST_NAMESPACE: usize = 255;
const UNKNOWN_FUNCTION: &str = "unknown";

/// What metrics are published under.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsNames {
    /// `METRICS_NAMESPACE`: the CloudWatch namespace.
    pub namespace: String,
    /// `AWS_LAMBDA_FUNCTION_NAME`, which Lambda sets.
    pub function_name: String,
}

impl MetricsNames {
    /// Reads the variables through `look_up`. `None` without a namespace.
    pub fn read(look_up: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, ConfigError> {
        let variables = Variables(look_up);
        let is_usable = |text: &str| is_namespace(text).then(|| text.to_owned());
        let Some(namespace) = variables.parsed(&names::METRICS_NAMESPACE, is_usable)? else {
            return Ok(None);
        };
        let function_name = variables.optional(&names::AWS_LAMBDA_FUNCTION_NAME);
        let function_name = function_name.unwrap_or_else(|| UNKNOWN_FUNCTION.to_owned());
        Ok(Some(Self { namespace, function_name }))
    }
}

/// CloudWatch's characters (PutMetricData, `Namespace`); a leading colon is reserved.
fn is_namespace(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b" ._-#/:".contains(&byte);
    text.len() <= LONGEST_NAMESPACE && !text.starts_with(':') && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(namespace: &str, function_name: Option<&str>) -> Result<Option<MetricsNames>, ConfigError> {
        MetricsNames::read(|variable| match variable {
            "METRICS_NAMESPACE" => Some(namespace.to_owned()),
            "AWS_LAMBDA_FUNCTION_NAME" => function_name.map(str::to_owned),
            _ => None,
        })
    }

    #[test]
    fn the_metrics_have_a_namespace_and_the_functions_name() {
        let names = read("Postern/stack-1 a.b_c#d:e", Some("postern-list")).unwrap().unwrap();
        assert_eq!(names.namespace, "Postern/stack-1 a.b_c#d:e");
        assert_eq!(names.function_name, "postern-list");
        assert_eq!(read("Postern", None).unwrap().unwrap().function_name, "unknown");
        assert_eq!(read("Postern", Some("")).unwrap().unwrap().function_name, "unknown");
        assert!(read(&"x".repeat(255), None).unwrap().is_some());
    }

    #[test]
    fn without_a_namespace_there_are_no_metrics() {
        assert_eq!(read("", None), Ok(None));
        assert_eq!(read(" ", None), Ok(None));
        assert_eq!(MetricsNames::read(|_| None), Ok(None));
    }

    #[test]
    fn a_namespace_that_cloudwatch_does_not_take_is_named() {
        for namespace in [":x", "a\nb", "a\"b", "Größe", "a,b", &"x".repeat(256)] {
            assert_eq!(read(namespace, None).unwrap_err().variable, "METRICS_NAMESPACE", "{namespace}");
        }
    }
}
