//! The template of CloudFront and WAF in front of the API: it changes nothing on the way, keeps
//! nothing, limits each address, and agrees with the door and with template.yaml.

use std::collections::BTreeSet;

use postern::door::edge::{ADDRESS_HEADER, SECRET_HEADER};
use regex_lite::Regex;
use serde_json::{Value, json};

use super::{resources, served};

fn distribution(template: &Value) -> &Value {
    &template["Resources"]["Distribution"]["Properties"]["DistributionConfig"]
}

fn rule<'a>(template: &'a Value, name: &str) -> &'a Value {
    let rules = template["Resources"]["Firewall"]["Properties"]["Rules"].as_array().unwrap();
    rules.iter().find(|rule| rule["Name"] == name).unwrap()
}

#[test]
fn everything_that_a_caller_sends_is_passed_on() {
    let template = harness::template::edge();
    let distribution = distribution(&template);
    let behavior = &distribution["DefaultCacheBehavior"];
    let methods: BTreeSet<&str> = behavior["AllowedMethods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|method| method.as_str().unwrap())
        .collect();
    for (_, method, _) in served() {
        assert!(methods.contains(method.as_str()), "{method}");
    }
    assert!(methods.contains("OPTIONS"), "API Gateway answers preflights");
    assert_eq!(behavior["OriginRequestPolicyId"], json!({"Ref": "Forwarding"}));
    let policy = &template["Resources"]["Forwarding"]["Properties"]["OriginRequestPolicyConfig"];
    // All headers, so Host, Cookie and Authorization too: API Gateway knows the API by Host.
    assert_eq!(policy["HeadersConfig"]["HeaderBehavior"], "allViewerAndWhitelistCloudFront");
    assert_eq!(policy["CookiesConfig"], json!({"CookieBehavior": "all"}));
    assert_eq!(policy["QueryStringsConfig"], json!({"QueryStringBehavior": "all"}));
    // And nothing is changed on the way back or runs on the way.
    for absent in ["ResponseHeadersPolicyId", "FunctionAssociations", "LambdaFunctionAssociations"] {
        assert!(behavior[absent].is_null(), "{absent}");
    }
    assert!(distribution["CacheBehaviors"].is_null() && distribution["DefaultRootObject"].is_null());
    for error in distribution["CustomErrorResponses"].as_array().unwrap() {
        assert!(error["ResponseCode"].is_null() && error["ResponsePagePath"].is_null());
    }
}

#[test]
fn nothing_is_cached_not_even_an_error() {
    let template = harness::template::edge();
    let behavior = &distribution(&template)["DefaultCacheBehavior"];
    // AWS's policy CachingDisabled: every TTL is 0.
    assert_eq!(behavior["CachePolicyId"], "4135ea2d-6df8-44a3-9df3-4b5a84be39ad");
    // Compressed, the length of an answer would tell of what is in it.
    assert_eq!(behavior["Compress"], false);
    let errors = distribution(&template)["CustomErrorResponses"].as_array().unwrap();
    assert!(errors.iter().all(|error| error["ErrorCachingMinTTL"] == 0));
    let codes: Vec<u64> = errors.iter().map(|error| error["ErrorCode"].as_u64().unwrap()).collect();
    // All that CloudFront keeps unless it is told not to.
    assert_eq!(codes, [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504]);
}

#[test]
fn a115_the_secret_and_the_address_go_under_the_names_that_the_door_knows() {
    let template = harness::template::edge();
    let distribution = distribution(&template);
    let origin = &distribution["Origins"][0];
    let secret = &origin["OriginCustomHeaders"][0];
    assert_eq!(secret["HeaderName"].as_str().unwrap().to_lowercase(), SECRET_HEADER);
    assert_eq!(secret["HeaderValue"], json!({"Ref": "OriginSecret"}));
    assert_eq!(template["Parameters"]["OriginSecret"]["NoEcho"], true);
    let uses = template.to_string().matches(r#"{"Ref":"OriginSecret"}"#).count();
    assert_eq!(uses, 1, "the secret stands nowhere else");
    let policy = &template["Resources"]["Forwarding"]["Properties"]["OriginRequestPolicyConfig"];
    let headers = policy["HeadersConfig"]["Headers"].as_array().unwrap();
    assert_eq!(headers.len(), 1);
    assert_eq!(headers[0].as_str().unwrap().to_lowercase(), ADDRESS_HEADER);
    // The secret never travels in clear.
    assert_eq!(origin["CustomOriginConfig"]["OriginProtocolPolicy"], "https-only");
    assert_eq!(origin["CustomOriginConfig"]["OriginSSLProtocols"], json!(["TLSv1.2"]));
    assert_eq!(distribution["DefaultCacheBehavior"]["ViewerProtocolPolicy"], "https-only");
    assert_eq!(distribution["ViewerCertificate"]["MinimumProtocolVersion"], "TLSv1.2_2021");
    assert_eq!(distribution["HttpVersion"], "http2and3");
    // With IPv6 one caller has more addresses than anyone can count.
    assert_eq!(distribution["IPV6Enabled"], false);
    assert_eq!(distribution["WebACLId"], json!({"Fn::GetAtt": "Firewall.Arn"}));
}

#[test]
fn a115_with_a_truststore_nobody_but_the_edge_gets_as_far_as_the_limits() {
    let (edge, api) = (harness::template::edge(), harness::template::read());
    // API Gateway counts a request before a function refuses it. A connection it refuses at once.
    let domain = &api["Resources"]["Domain"]["Properties"]["MutualTlsAuthentication"];
    let truststore = json!({"TruststoreUri": {"Ref": "OriginTruststoreUri"}});
    assert_eq!(*domain, json!({"Fn::If": ["HasOriginTruststore", truststore, {"Ref": "AWS::NoValue"}]}));
    let connection = &distribution(&edge)["Origins"][0]["CustomOriginConfig"]["OriginMtlsConfig"];
    let certificate = json!({"ClientCertificateArn": {"Ref": "ClientCertificateArn"}});
    let shown = json!({"Fn::If": ["HasClientCertificate", certificate, {"Ref": "AWS::NoValue"}]});
    assert_eq!(*connection, shown);
    for rule in ["AnEdgeIsForADomain", "ATruststoreIsForADomain"] {
        let assertion = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "DomainName"}, ""]}]});
        assert_eq!(api["Rules"][rule]["Assertions"][0]["Assert"], assertion, "{rule}");
    }
}

#[test]
fn every_sign_in_route_and_no_other_counts_against_the_sign_in_limit() {
    let template = harness::template::edge();
    let statement = &rule(&template, "sign-in-of-one-address")["Statement"]["RateBasedStatement"];
    let scopes = statement["ScopeDownStatement"]["OrStatement"]["Statements"].as_array().unwrap();
    let beginnings: Vec<&str> = scopes
        .iter()
        .map(|scope| {
            let scope = &scope["ByteMatchStatement"];
            assert_eq!(scope["PositionalConstraint"], "STARTS_WITH");
            assert_eq!(scope["FieldToMatch"], json!({"UriPath": {}}));
            // %61uth and /x/../auth are /auth.
            let kinds: Vec<&Value> =
                scope["TextTransformations"].as_array().unwrap().iter().map(|one| &one["Type"]).collect();
            assert_eq!(kinds, ["URL_DECODE", "NORMALIZE_PATH"]);
            scope["SearchString"].as_str().unwrap()
        })
        .collect();
    let stage = &harness::template::read()["Resources"]["Stage"]["Properties"];
    let mut settings = &stage["RouteSettings"];
    while !settings["Fn::If"].is_null() {
        settings = &settings["Fn::If"][2];
    }
    for (_, method, path) in served() {
        let is_limited = settings.as_object().unwrap().contains_key(&format!("{method} {path}"));
        let is_counted = beginnings.iter().any(|beginning| path.starts_with(beginning));
        assert_eq!(is_counted, is_limited, "{method} {path}");
    }
}

#[test]
fn a73_one_address_gets_a_small_share_of_what_a_route_lets_through() {
    let (edge, api) = (harness::template::edge(), harness::template::read());
    let number = |template: &Value, parameter: &str, of: &str| -> f64 {
        template["Parameters"][parameter][of].as_f64().unwrap()
    };
    for (name, limit, rate, share) in [
        ("sign-in-of-one-address", "SignInLimit", "SignInRateLimit", 0.04),
        ("requests-of-one-address", "RequestLimit", "RequestRateLimit", 0.10),
    ] {
        let rule = rule(&edge, name);
        let statement = &rule["Statement"]["RateBasedStatement"];
        assert_eq!(statement["AggregateKeyType"], "IP");
        assert_eq!(statement["Limit"], json!({"Ref": limit}));
        // It refuses from the beginning, unlike the managed rules.
        assert_eq!(rule["Action"]["Block"]["CustomResponse"]["ResponseCode"], 429);
        let window = statement["EvaluationWindowSec"].as_f64().unwrap();
        let of_one = number(&edge, limit, "Default") / window;
        // docs/deploy.md and decision 42 say these shares.
        assert!((of_one / number(&api, rate, "Default") - share).abs() < 1e-9, "{name}");
        assert!(number(&edge, limit, "MinValue") >= 10.0, "{name}: WAF takes no lower limit");
        assert!(number(&edge, limit, "MaxValue") / window <= 1000.0, "{name}");
    }
    let greatest = number(&edge, "SignInLimit", "MaxValue") / 300.0;
    assert!(greatest < number(&api, "SignInRateLimit", "Default"), "one address could take all");
}

#[test]
fn managed_rules_count_until_they_are_told_to_block() {
    let template = harness::template::edge();
    assert_eq!(template["Parameters"]["ManagedRules"]["Default"], "count");
    let rules = template["Resources"]["Firewall"]["Properties"]["Rules"].as_array().unwrap();
    let mut managed = BTreeSet::new();
    for rule in rules.iter().filter(|rule| !rule["Statement"]["ManagedRuleGroupStatement"].is_null()) {
        let action = json!({"Fn::If": ["Blocks", {"None": {}}, {"Count": {}}]});
        assert_eq!(rule["OverrideAction"], action);
        managed.insert(rule["Statement"]["ManagedRuleGroupStatement"]["Name"].as_str().unwrap());
    }
    // The core rule set refuses URLs, extensions and long texts in a query: OAuth's and Gmail's.
    let chosen = ["AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet"];
    assert_eq!(managed, BTreeSet::from(chosen));
    assert_eq!(template["Conditions"]["Blocks"], json!({"Fn::Equals": [{"Ref": "ManagedRules"}, "block"]}));
}

#[test]
fn neither_log_nor_sample_has_a_query_a_path_a_cookie_or_a_token() {
    let template = harness::template::edge();
    let firewall = &template["Resources"]["Firewall"]["Properties"];
    let rules = firewall["Rules"].as_array().unwrap().iter();
    for visible in rules.chain([firewall]).map(|one| &one["VisibilityConfig"]) {
        assert_eq!(visible["SampledRequestsEnabled"], false);
        assert_eq!(visible["CloudWatchMetricsEnabled"], true);
    }
    let logging = &template["Resources"]["FirewallLogging"]["Properties"];
    let redacted = json!([
        {"UriPath": {}},
        {"QueryString": {}},
        {"SingleHeader": {"Name": "cookie"}},
        {"SingleHeader": {"Name": "authorization"}},
        {"SingleHeader": {"Name": "referer"}},
    ]);
    assert_eq!(logging["RedactedFields"], redacted);
    let fields = template["Resources"]["AccessLogDelivery"]["Properties"]["RecordFields"].as_array().unwrap();
    assert!(fields.iter().any(|field| field == "c-ip"), "the caller's address");
    for field in fields.iter().map(|field| field.as_str().unwrap()) {
        assert!(!field.starts_with("cs(") && !field.starts_with("cs-uri"), "{field}");
    }
    for (name, resource) in template["Resources"].as_object().unwrap() {
        let is_log =
            resource["Type"].as_str().unwrap().starts_with("AWS::Logs::") || name == "FirewallLogging";
        assert_eq!(resource["Condition"] == "HasLogs", is_log, "{name}");
    }
    for (name, log) in resources(&template, "AWS::Logs::LogGroup") {
        assert_eq!(log["RetentionInDays"], json!({"Ref": "LogRetention"}), "{name}");
    }
    assert_eq!(template["Parameters"]["Logs"]["Default"], "off");
}

#[test]
fn the_parameters_of_both_stacks_fit_together_and_take_nothing_else() {
    let (edge, api) = (harness::template::edge(), harness::template::read());
    let takes = |template: &Value, parameter: &str, value: &str| {
        let pattern = template["Parameters"][parameter]["AllowedPattern"].as_str().unwrap();
        Regex::new(pattern).unwrap().is_match(value)
    };
    let digits = "0123456789abcdef".repeat(4);
    for (template, parameter, good, bad) in [
        (&edge, "OriginSecret", digits.as_str(), "short"),
        (&edge, "OriginSecret", &digits[..32], "0123456789abcdef 0123456789abcdef"),
        (&edge, "ApiTarget", "d-abc123.execute-api.eu-central-1.amazonaws.com", "api.example.com"),
        (
            &edge,
            "ApiTarget",
            "d-a.execute-api.us-east-1.amazonaws.com",
            "a1.execute-api.us-east-1.amazonaws.com",
        ),
        (&edge, "CertificateArn", "arn:aws:acm:us-east-1:123456789012:certificate/a-1", ""),
        (&edge, "DomainName", "mail.example.com", "https://mail.example.com"),
        (&api, "OriginSecretHashes", &digits, &digits[1..]),
        (&api, "OriginSecretHashes", &format!("{digits},{digits}"), &format!("{digits},{digits},{digits}")),
        (&api, "OriginSecretHashes", "", &digits.to_uppercase()),
        (&edge, "ClientCertificateArn", "", "arn:aws:acm:eu-west-1:123456789012:certificate/a-1"),
        (&api, "OriginTruststoreUri", "s3://bucket-1/edge/truststore.pem", "https://bucket-1/truststore.pem"),
        (&api, "EdgeDomainName", "d111111abcdef8.cloudfront.net", "cloudfront.net.example.com"),
    ] {
        assert!(takes(template, parameter, good), "{parameter}: {good}");
        assert!(!takes(template, parameter, bad), "{parameter}: {bad}");
    }
    let elsewhere = "arn:aws:acm:eu-central-1:123456789012:certificate/a-1";
    assert!(!takes(&edge, "CertificateArn", elsewhere), "CloudFront takes certificates of us-east-1");
    let parameters = edge["Parameters"].as_object().unwrap();
    let labels = edge["Metadata"]["AWS::CloudFormation::Interface"]["ParameterLabels"].as_object().unwrap();
    assert_eq!(labels.keys().collect::<BTreeSet<_>>(), parameters.keys().collect());
    assert!(parameters.values().all(|parameter| parameter["Description"].is_string()));
    // The record moves in place: at no moment is there none.
    let target = &api["Resources"]["DomainRecord"]["Properties"]["AliasTarget"];
    let edge_name = json!({"Ref": "EdgeDomainName"});
    assert_eq!(target["DNSName"]["Fn::If"][1], edge_name);
    // The zone that Route 53 asks for with each distribution.
    assert_eq!(target["HostedZoneId"]["Fn::If"][1], "Z2FDTNDATAQYW2");
    assert_eq!(api["Outputs"]["DomainTarget"]["Value"]["Fn::If"][1], edge_name);
}
