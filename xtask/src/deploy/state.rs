//! Whether a stack that is there can be updated. Pure.

use crate::stack::Stack;

/// Refuses a stack that is not Postern's, which an update would replace, and one that CloudFormation would not update.
pub(crate) fn require_changeable(name: &str, stack: &Stack) -> Result<(), String> {
    let has_our_parameters =
        ["AllowedOrigins", "GoogleClientSecretId"].iter().all(|name| stack.parameters.contains_key(*name));
    if !has_our_parameters && !is_coming_back(stack) {
        return Err(format!(
            "the stack {name} is something else than Postern, and an update would replace it; choose another --stack-name"
        ));
    }
    let status = stack.status.as_str();
    if status.ends_with("_IN_PROGRESS") {
        return Err(format!(
            "the stack {name} is being changed ({status}); wait until CloudFormation has done"
        ));
    }
    if ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"].contains(&status) {
        return Err(format!(
            "the stack {name} was never whole, or is half deleted ({status}), and cannot be updated: look at its events, \
             delete it with `aws cloudformation delete-stack --stack-name {name}`, and deploy again"
        ));
    }
    if status == "UPDATE_ROLLBACK_FAILED" {
        return Err(format!(
            "an update of the stack {name} could not be taken back ({status}): look at its events, mend the reason, and \
             run `aws cloudformation continue-update-rollback --stack-name {name}`"
        ));
    }
    Ok(())
}

/// Whether the stack was just begun with infra/import.yaml, to have the rest of the template put around what was kept.
fn is_coming_back(stack: &Stack) -> bool {
    stack.status == "IMPORT_COMPLETE" && stack.parameters.keys().eq(["KmsKeyArn"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(status: &str, parameters: &[&str]) -> Stack {
        let parameters = parameters.iter().map(|name| ((*name).to_owned(), String::new())).collect();
        Stack { status: status.to_owned(), parameters, outputs: crate::stack::Outputs::default() }
    }

    #[test]
    fn a_stack_that_cannot_be_updated_is_refused_with_what_to_do() {
        for (status, part) in [
            ("UPDATE_IN_PROGRESS", "wait"),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "wait"),
            ("ROLLBACK_COMPLETE", "delete-stack --stack-name mail"),
            ("DELETE_FAILED", "delete-stack --stack-name mail"),
            ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback --stack-name mail"),
        ] {
            let stack = stack(status, &["AllowedOrigins", "GoogleClientSecretId"]);
            let problem = require_changeable("mail", &stack).unwrap_err();
            assert!(problem.contains(status) && problem.contains(part), "{problem}");
        }
        for status in ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"] {
            let stack = stack(status, &["AllowedOrigins", "GoogleClientSecretId", "Architecture"]);
            assert_eq!(require_changeable("mail", &stack), Ok(()), "{status}");
        }
    }

    #[test]
    fn a_stack_that_was_begun_with_what_an_older_one_left_may_be_completed() {
        let inner: serde_json::Value = postern_template::import();
        let parameters: Vec<&str> =
            inner["Parameters"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(require_changeable("mail", &stack("IMPORT_COMPLETE", &parameters)), Ok(()));
        assert!(require_changeable("mail", &stack("UPDATE_COMPLETE", &parameters)).is_err());
    }

    #[test]
    fn a_stack_of_something_else_is_left_alone() {
        let problem = require_changeable("shop", &stack("CREATE_COMPLETE", &["AllowedOrigins"])).unwrap_err();
        assert!(problem.contains("something else than Postern"), "{problem}");
    }
}
