//! A stack whose functions have versions, and what doctor may call.

use postern_template::policies;

use super::aws::element;
use super::*;

async fn scene_with_versions() -> Scene {
    let scene = Scene::new().await;
    scene.aws().parameters.insert("DeploymentId", "two".to_owned());
    scene.be_as_the_template_says().await;
    scene
}

#[tokio::test]
async fn versions_that_serve_as_deployed_are_good() {
    let scene = scene_with_versions().await;
    assert_eq!(scene.wrong().await, "");
    let output = scene.output().await;
    assert!(output.contains("good   each function may be invoked by whom the template permits"), "{output}");
    assert!(!output.contains("version"), "{output}");
}

#[tokio::test]
async fn requests_that_do_not_reach_the_deployed_version_are_found() {
    let alias = "/functions/list-messages/aliases/live";
    let scene = scene_with_versions().await;
    scene.answer(alias, 200, &json!({ "FunctionVersion": "6" }));
    assert_snapshot!(scene.wrong().await, @"wrong  requests to list-messages go to version 6, and the last deployment published 7: deploy with another DeploymentId, unless you went back on purpose");

    let weights = json!({ "AdditionalVersionWeights": { "7": 0.1 } });
    scene.answer(alias, 200, &json!({ "FunctionVersion": "6", "RoutingConfig": weights }));
    assert_snapshot!(lines("?      which", &scene.output().await), @"?      which version of list-messages serves: a deployment is under way: 10 % of its requests go to version 7");

    scene.answer(alias, 404, &absent());
    assert_snapshot!(scene.wrong().await, @"wrong  the alias of list-messages does not exist: put it back (docs/deploy.md#put-back-what-differs)");

    // Somebody deployed without another DeploymentId, or changed the function by hand.
    let scene = scene_with_versions().await;
    let of_version = scene.aws().functions["sign-out"].clone();
    scene.answer("/functions/sign-out/configuration?Qualifier=7", 200, &of_version);
    scene.set("sign-out", "GMAIL_SCOPES", "planted");
    assert_snapshot!(scene.wrong().await, @"wrong  sign-out was changed after its version 7, and no request reaches the change: deploy with another DeploymentId");

    for (property, value) in [
        ("MemorySize", json!(3008)),
        ("Timeout", json!(3)),
        ("LoggingConfig", json!({ "LogGroup": "/postern/postern/sign-out", "ApplicationLogLevel": "DEBUG" })),
    ] {
        let scene = scene_with_versions().await;
        let mut of_version = scene.aws().functions["sign-out"].clone();
        of_version[property] = value;
        scene.answer("/functions/sign-out/configuration?Qualifier=7", 200, &of_version);
        assert!(scene.wrong().await.contains("sign-out was changed after its version 7"), "{property}");
    }
}

#[tokio::test]
async fn a_way_around_an_alias_is_found() {
    let scene = scene_with_versions().await;
    let integrations = json!({ "items": [
        { "integrationId": "ListMessagesIntegration", "integrationUri": "arn:aws:lambda:us-east-1:123456789012:function:list-messages" },
    ] });
    scene.answer("/v2/apis/Api/integrations", 200, &integrations);
    assert_snapshot!(lines("wrong  GET /messages ", &scene.wrong().await), @"wrong  GET /messages leads to another version of list-messages: put it back (docs/deploy.md#put-back-what-differs)");

    let scene = scene_with_versions().await;
    let anybody = json!({ "Statement": [{ "Effect": "Allow", "Principal": "*" }] }).to_string();
    scene.answer("/functions/access-token/policy", 200, &json!({ "Policy": anybody }));
    scene.answer("/functions/access-token/policy live", 404, &absent());
    let wrong = scene.wrong().await;
    assert!(
        wrong.contains("access-token may be invoked by somebody whom the template does not permit"),
        "{wrong}"
    );
    assert!(wrong.contains("role/back-end may not invoke access-token"), "{wrong}");
}

#[tokio::test]
async fn the_policy_for_doctor_allows_its_calls_and_no_others() {
    let scene = scene_with_versions().await;
    let topic = "arn:aws:sns:us-east-1:123456789012:alarms";
    scene.aws().parameters.insert("AlarmTopicArn", topic.to_owned());
    let entry = element("key", "KmsMasterKeyId") + &element("value", "key");
    let attributes = element("GetTopicAttributesResponse GetTopicAttributesResult Attributes entry", &entry);
    scene.answer("Action=GetTopicAttributes", 200, &attributes);
    scene.answer("DescribeKey", 200, &json!({ "KeyMetadata": { "KeyId": "key" } }));
    scene.answer("GetKeyPolicy", 200, &json!({ "Policy": "{}" }));
    scene.aws().actions.clear();
    scene.output().await;
    let mut allowed = policies::actions(&postern_template::policies(), "DoctorPolicy");
    // Of a key of one's own, by Secrets Manager and DynamoDB in the caller's name.
    allowed.remove("kms:Decrypt");
    assert_eq!(scene.aws().actions, allowed);
}
