//! What is stored, and what happens to it when the stack is changed or deleted.

use serde_json::{Map, Value, json};

use super::resources;

fn own_key() -> Value {
    json!({"Fn::If": ["HasKmsKey", {"Ref": "KmsKeyArn"}, {"Ref": "AWS::NoValue"}]})
}

#[test]
fn the_table_of_credentials_and_the_keyring_outlive_the_stack() {
    let template = harness::template::read();
    // If the creation is rolled back, the keyring is deleted. The table is protected from deletion,
    // so deleting it would make the rollback fail.
    for (name, policy) in [("CredentialsTable", "Retain"), ("SealingKeys", "RetainExceptOnCreate")] {
        let resource = &template["Resources"][name];
        assert_eq!(resource["DeletionPolicy"], policy, "{name}");
        assert_eq!(resource["UpdateReplacePolicy"], "Retain", "{name}");
    }
    let table = &template["Resources"]["CredentialsTable"]["Properties"];
    assert_eq!(table["DeletionProtectionEnabled"], true);
    assert_eq!(table["PointInTimeRecoverySpecification"], json!({"PointInTimeRecoveryEnabled": true}));
}

#[test]
fn sessions_pass() {
    let template = harness::template::read();
    let resource = &template["Resources"]["SessionsTable"];
    assert_eq!(resource["DeletionPolicy"], "Delete");
    let expiry = json!({"AttributeName": "expires_at", "Enabled": true});
    assert_eq!(resource["Properties"]["TimeToLiveSpecification"], expiry);
}

#[test]
fn both_tables_are_encrypted_and_paid_by_the_request() {
    let template = harness::template::read();
    let encryption = json!({"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": own_key()});
    let mut count = 0;
    for (name, table) in resources(&template, "AWS::DynamoDB::Table") {
        assert_eq!(table["SSESpecification"], encryption, "{name}");
        assert_eq!(table["BillingMode"], "PAY_PER_REQUEST", "{name}");
        // With a fixed name a table could not be replaced, and no second stack could exist beside
        // the first.
        assert!(table["TableName"].is_null(), "{name}");
        count += 1;
    }
    assert_eq!(count, 2);
}

#[test]
fn a_refresh_changes_nothing_in_the_index_and_the_index_holds_no_token() {
    let template = harness::template::read();
    let indexes =
        &template["Resources"]["CredentialsTable"]["Properties"]["GlobalSecondaryIndexes"]["Fn::If"];
    assert_eq!(indexes[0], "HasIndex");
    let projection = json!({
        "ProjectionType": "INCLUDE",
        "NonKeyAttributes": [
            "client_id",
            "scopes",
            "email",
            "connected_at",
            "refresh_token_id",
            "refresh_token_expires_at",
            "end_noticed_for",
        ],
    });
    assert_eq!(indexes[1][0]["Projection"], projection);
}

#[test]
fn the_keyring_is_generated_and_how_never_changes() {
    let template = harness::template::read();
    let keyring = &template["Resources"]["SealingKeys"]["Properties"];
    // If anything here changes, CloudFormation generates a new secret, and everything sealed is
    // lost.
    let generated = json!({
        "SecretStringTemplate": "{\"primary\":\"k1\"}",
        "GenerateStringKey": "k1",
        "PasswordLength": 64,
        "ExcludePunctuation": true,
    });
    assert_eq!(keyring["GenerateSecretString"], generated);
    assert_eq!(keyring["KmsKeyId"], own_key());
}

#[test]
fn every_log_is_deleted_after_a_while() {
    let template = harness::template::read();
    let logs: Vec<_> = resources(&template, "AWS::Logs::LogGroup").collect();
    // One for each function, and the access log.
    assert_eq!(logs.len(), resources(&template, "AWS::Serverless::Function").count() + 1);
    for (name, log) in logs {
        assert_eq!(log["RetentionInDays"], json!({"Ref": "LogRetention"}), "{name}");
    }
}

#[test]
fn what_a_new_stack_can_begin_with_is_exactly_what_the_old_one_left() {
    let template = harness::template::read();
    let import = harness::template::import();
    let kept: Map<String, Value> = template["Resources"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(_, resource)| resource["UpdateReplacePolicy"] == "Retain")
        // A version goes with its function.
        .filter(|(_, resource)| resource["Type"] != "AWS::Lambda::Version")
        .map(|(name, resource)| {
            let mut resource = resource.clone();
            // However an import ends, it deletes nothing.
            resource["DeletionPolicy"] = "Retain".into();
            (name.clone(), resource)
        })
        .collect();
    assert_eq!(import["Resources"], Value::Object(kept));
    for (name, condition) in import["Conditions"].as_object().unwrap() {
        assert_eq!(*condition, template["Conditions"][name], "{name}");
    }
}
