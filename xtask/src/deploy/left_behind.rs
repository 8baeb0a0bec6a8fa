//! The table of credentials and the keyring that a stack of the same name left: kept when it was
//! deleted, or when its creation failed. A new stack does not use them, and their users are lost.

use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

use crate::account::{Account, Called};

/// How the keyring's description begins; template.yaml never changes it.
const KEYRING: &str = "Postern's keyring";
/// CloudFormation sets this tag.
const STACK_TAG: &str = "aws:cloudformation:stack-name";

/// Refuses to create a stack beside what an earlier one of this name left.
pub(crate) async fn refuse(account: &Account, stack: &str) -> Result<(), String> {
    match find(account, stack).await {
        Ok(left) if left.is_empty() => Ok(()),
        Ok(left) => Err(format!(
            "an earlier stack {stack} left {}. A new stack has a new, empty table and keyring, and every user must \
             connect again. Import what is left (docs/deploy.md, \"Coming back\"), or give --start-empty",
            left.join(" and ")
        )),
        Err(problem) => Err(format!(
            "{problem}, so an earlier stack {stack} may have left its users' tokens; --start-empty does not look for them"
        )),
    }
}

/// What to say when the creation of a stack failed.
pub(crate) async fn after_a_failure(account: &Account, stack: &str) -> String {
    let left = match find(account, stack).await {
        Ok(left) if left.is_empty() => "no table and no keyring".to_owned(),
        Ok(left) => format!("{}, which nobody has used", left.join(" and ")),
        Err(problem) => format!("perhaps a table and a keyring ({problem})"),
    };
    format!(
        "The failed creation left {left}. See docs/deploy.md, \"A failed first deployment\", before you deploy again."
    )
}

async fn find(account: &Account, stack: &str) -> Result<Vec<String>, String> {
    let mut left = Vec::new();
    let dynamodb = aws_sdk_dynamodb::Client::new(&account.config);
    let mut tables = dynamodb.list_tables().into_paginator().items().send();
    let beginning = format!("{stack}-CredentialsTable-");
    while let Some(table) = tables.next().await {
        let table = table.or_say("DynamoDB does not list its tables")?;
        left.extend(table.starts_with(&beginning).then(|| format!("the table {table}")));
    }
    let secrets = aws_sdk_secretsmanager::Client::new(&account.config);
    let filter = Filter::builder().key(FilterNameStringType::Description).values(KEYRING).build();
    let secrets = secrets.list_secrets().include_planned_deletion(true).filters(filter);
    let mut pages = secrets.into_paginator().send();
    while let Some(page) = pages.next().await {
        for secret in page.or_say("Secrets Manager does not list its secrets")?.secret_list() {
            let mut tags = secret.tags().iter().map(|tag| (tag.key(), tag.value()));
            if tags.any(|tag| tag == (Some(STACK_TAG), Some(stack))) {
                left.push(format!("the keyring {}", secret.arn().unwrap_or_default()));
            }
        }
    }
    Ok(left)
}
