//! The CORS configuration of template.yaml, which API Gateway applies before and after a function.

use serde_json::Value;

/// `CorsConfiguration` without its origins, which are a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// `AllowCredentials`.
    pub allows_credentials: bool,
    /// `AllowMethods`, with commas between them.
    pub methods: String,
    /// `AllowHeaders`, likewise.
    pub headers: String,
    /// `ExposeHeaders`, likewise.
    pub exposed: String,
    /// `MaxAge`: for how many seconds a browser may keep the answer to a preflight.
    pub max_age: u64,
}

/// The CORS configuration of template.yaml.
///
/// # Panics
/// When the template cannot be read, or its API has no CORS configuration.
pub fn cors() -> Cors {
    let configuration = &crate::read()["Resources"]["Api"]["Properties"]["CorsConfiguration"];
    let list = |name: &str| {
        let entries = configuration[name].as_array().expect("the entry is a list");
        entries.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
    };
    Cors {
        allows_credentials: configuration["AllowCredentials"].as_bool().unwrap_or_default(),
        methods: list("AllowMethods"),
        headers: list("AllowHeaders"),
        exposed: list("ExposeHeaders"),
        max_age: configuration["MaxAge"].as_u64().expect("MaxAge is a number of seconds"),
    }
}
