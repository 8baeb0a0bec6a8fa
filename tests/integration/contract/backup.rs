//! The copies of AWS Backup: of the credentials alone, and none older than the stack remembers who
//! ended a connection.

use postern::outside::dynamodb::ENDS_KEPT_FOR;
use serde_json::json;

use super::resources;

/// A day in seconds.
const DAY: u64 = 24 * 3600;

#[test]
fn no_copy_lives_longer_than_ends_are_remembered() {
    let days = |value: &serde_json::Value| value.as_u64().unwrap();
    let template = harness::template::read();
    let longest = days(&template["Parameters"]["BackupDays"]["MaxValue"]);
    // A restore of the last minute takes its time.
    assert!((longest + 1) * DAY <= ENDS_KEPT_FOR.as_secs());
    let backup = harness::template::backup();
    let (_, vault) = resources(&backup, "AWS::Backup::BackupVault").next().unwrap();
    assert_eq!(days(&vault["LockConfiguration"]["MaxRetentionDays"]), longest, "by hand, too");
    let (_, plan) = resources(&backup, "AWS::Backup::BackupPlan").next().unwrap();
    let rules = plan["BackupPlan"]["BackupPlanRule"].as_array().unwrap();
    assert!(rules.iter().all(|rule| rule["Lifecycle"] == json!({"DeleteAfterDays": {"Ref": "Days"}})));
    assert_eq!(template["Parameters"]["BackupDays"]["Default"], 0);
}

#[test]
fn the_credentials_are_copied_and_the_sessions_are_not() {
    let (template, backup) = (harness::template::read(), harness::template::backup());
    let (_, selection) = resources(&backup, "AWS::Backup::BackupSelection").next().unwrap();
    assert_eq!(selection["BackupSelection"]["Resources"], json!([{"Ref": "TableArn"}]));
    let given = &template["Resources"]["BackupStack"]["Properties"]["Parameters"];
    assert_eq!(given["TableArn"], json!({"Fn::GetAtt": "CredentialsTable.Arn"}));
    // What is in a vault outlives the stack.
    assert_eq!(backup["Resources"]["Vault"]["DeletionPolicy"], "RetainExceptOnCreate");
    let boundary = json!({"Fn::If": ["HasPermissionsBoundary", {"Ref": "PermissionsBoundary"}, {"Ref": "AWS::NoValue"}]});
    for template in [backup, harness::template::rollout()] {
        for (name, role) in resources(&template, "AWS::IAM::Role") {
            assert_eq!(role["PermissionsBoundary"], boundary, "{name}");
        }
    }
}
