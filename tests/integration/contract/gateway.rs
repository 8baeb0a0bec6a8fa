//! What API Gateway does before a function runs: preflights, throttling, its own address, the
//! access log.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::served;

#[test]
fn api_gateway_answers_preflights_for_the_configured_origins_alone() {
    let template = harness::template::read();
    let cors = json!({
        "AllowOrigins": {"Ref": "AllowedOrigins"},
        "AllowCredentials": true,
        "AllowMethods": ["GET", "POST", "DELETE"],
        "AllowHeaders": ["Content-Type", "Authorization", "X-Requested-With"],
        "ExposeHeaders": ["Retry-After"],
        "MaxAge": 600,
    });
    // SAM's own resource puts a reference to a list where the whole configuration belongs.
    assert_eq!(template["Resources"]["Api"]["Type"], "AWS::ApiGatewayV2::Api");
    assert_eq!(template["Resources"]["Api"]["Properties"]["CorsConfiguration"], cors);
    assert!(
        served().iter().all(|(_, method, _)| method != "OPTIONS"),
        "a route would answer preflights instead"
    );
}

#[test]
fn a72_the_apis_own_address_can_be_switched_off_and_is_off_beside_a_domain() {
    let template = harness::template::read();
    let switch = json!({"Fn::If": ["HasNoDefaultEndpoint", true, false]});
    assert_eq!(template["Resources"]["Api"]["Properties"]["DisableExecuteApiEndpoint"], switch);
    let condition =
        json!({"Fn::Or": [{"Condition": "HasDomain"}, {"Fn::Equals": [{"Ref": "DefaultEndpoint"}, "off"]}]});
    assert_eq!(template["Conditions"]["HasNoDefaultEndpoint"], condition);
    let has_domain = json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "DomainName"}, ""]}]});
    assert_eq!(template["Conditions"]["HasDomain"], has_domain);
    // PublicUrl does not matter: without a domain at API Gateway, nothing else leads to the API.
    let rule = &template["Rules"]["AnApiNeedsAnAddress"];
    assert_eq!(rule["RuleCondition"], json!({"Fn::Equals": [{"Ref": "DefaultEndpoint"}, "off"]}));
    assert_eq!(rule["Assertions"][0]["Assert"], has_domain);
}

#[test]
fn a52_a73_a_throttle_over_all_environments_stands_in_front_of_each_route() {
    let template = harness::template::read();
    let stage = &template["Resources"]["Stage"]["Properties"];
    let of_all = json!({"ThrottlingRateLimit": {"Ref": "RequestRateLimit"}, "ThrottlingBurstLimit": {"Ref": "RequestBurstLimit"}});
    assert_eq!(stage["DefaultRouteSettings"], of_all);
    for parameter in ["RequestRateLimit", "RequestBurstLimit"] {
        assert_eq!(template["Parameters"][parameter]["MinValue"], 1, "{parameter}");
    }
    let routes = served().into_iter().map(|(_, method, path)| format!("{method} {path}"));
    let of_sign_in: BTreeSet<String> =
        routes.filter(|route| route.contains(" /auth/") || route.ends_with("/oauth/callback")).collect();
    let parameter = &template["Parameters"]["SignInRateLimit"];
    let (mut rates, mut settings) = (BTreeSet::new(), &stage["RouteSettings"]);
    while let Some(choice) = settings["Fn::If"].as_array() {
        let condition = &template["Conditions"][choice[0].as_str().unwrap()]["Fn::Equals"];
        assert_eq!(condition[0], json!({"Ref": "SignInRateLimit"}));
        rates.insert(sign_in_rate(&choice[1], &of_sign_in));
        assert_eq!(condition[1], sign_in_rate(&choice[1], &of_sign_in));
        settings = &choice[2];
    }
    assert_eq!(parameter["Default"], sign_in_rate(settings, &of_sign_in));
    rates.insert(sign_in_rate(settings, &of_sign_in));
    let allowed = parameter["AllowedValues"].as_array().unwrap();
    assert_eq!(allowed.iter().map(|value| value.as_u64().unwrap()).collect::<BTreeSet<_>>(), rates);
}

/// The one rate that all these routes have, and no other; twice as many at once.
fn sign_in_rate(settings: &Value, routes: &BTreeSet<String>) -> u64 {
    let settings = settings.as_object().unwrap();
    assert_eq!(settings.keys().cloned().collect::<BTreeSet<_>>(), *routes);
    let rates: BTreeSet<u64> = settings
        .values()
        .map(|setting| {
            // Not a reference: CloudFormation would not pass it as a number.
            let rate = setting["ThrottlingRateLimit"].as_u64().unwrap();
            assert_eq!(setting["ThrottlingBurstLimit"], 2 * rate);
            rate
        })
        .collect();
    assert_eq!(rates.len(), 1, "{rates:?}");
    rates.into_iter().next().unwrap()
}

#[test]
fn the_access_log_holds_neither_query_nor_cookies_nor_headers() {
    let template = harness::template::read();
    let format =
        template["Resources"]["Stage"]["Properties"]["AccessLogSettings"]["Format"].as_str().unwrap();
    let entry: Value = serde_json::from_str(format).unwrap();
    let values: BTreeSet<&str> =
        entry.as_object().unwrap().values().map(|value| value.as_str().unwrap()).collect();
    // The caller chooses nothing here except the method, the protocol and the address.
    let harmless = [
        "$context.error.responseType",
        "$context.httpMethod",
        "$context.identity.sourceIp",
        "$context.integration.error",
        "$context.integration.integrationStatus",
        "$context.integration.status",
        "$context.integrationLatency",
        "$context.protocol",
        "$context.requestId",
        "$context.requestTime",
        "$context.responseLatency",
        "$context.responseLength",
        "$context.routeKey",
        "$context.status",
    ];
    assert_eq!(values, BTreeSet::from(harmless));
}
