//! The operators' policies allow what count, reseal and restore call, and nothing else.

use std::collections::BTreeSet;

use postern::outside::dynamodb::Policy;
use postern_template::policies::actions;

use super::super::count::Counting;
use super::super::reseal::Copying;
use super::*;

/// The actions that the calls so far need, with the one by which each command finds the stack.
fn needed(stack: &Stack) -> BTreeSet<String> {
    let mut needed = BTreeSet::from(["cloudformation:DescribeStacks".to_owned()]);
    for call in stack.dynamodb.calls() {
        // IAM knows a transaction by its parts.
        let parts = call.body["TransactItems"].as_array().into_iter().flatten();
        let parts: Vec<&str> = parts
            .map(|part| match part.as_object().unwrap().keys().next().unwrap().as_str() {
                "Put" => "PutItem",
                "ConditionCheck" => "ConditionCheckItem",
                other => panic!("{other} is another action"),
            })
            .collect();
        let parts = if parts.is_empty() { vec![&*call.operation] } else { parts };
        needed.extend(parts.into_iter().map(|action| format!("dynamodb:{action}")));
    }
    for call in stack.secrets.calls() {
        needed.insert(format!("secretsmanager:{}", call.operation));
        // The batch gives what may be read one by one.
        needed.insert("secretsmanager:GetSecretValue".to_owned());
    }
    stack.dynamodb.forget_calls();
    stack.secrets.forget_calls();
    needed
}

#[tokio::test]
async fn each_command_over_all_credentials_has_a_policy_of_exactly_its_calls() {
    let policies = postern_template::policies();
    let scene = Scene::new(3).await;
    needed(&scene.stack);
    let journal = || Journal::in_memory(scene.app.clock.now());
    let pass = Pass::new(&scene.app, Reading::Counted, FAST, journal());
    show(&pass, &Counting { now: scene.app.clock.now() }, |_| Ok(())).await.unwrap();
    assert_eq!(needed(&scene.stack), actions(&policies, "CountPolicy"));

    let pass = Pass::new(&scene.app, Reading::All, FAST, journal());
    show(&pass, &Sealing { app: &scene.app }, |_| Ok(())).await.unwrap();
    assert_eq!(needed(&scene.stack), actions(&policies, "ResealPolicy"));

    let (table, old) = ("restored", Scene::new(0).await);
    let mut tables = postern_template::tables();
    tables.retain(|definition| definition.name == CREDENTIALS_TABLE);
    tables[0].name = table.to_owned();
    old.stack.dynamodb.create_tables(&tables);
    let keyring = keyring(&json!({ "primary": "k1", "k1": OLD }));
    (0..3).for_each(|number| old.stack.dynamodb.put(table, credential(&keyring, number)));
    let mut variables = old.stack.environment();
    variables.insert("CREDENTIALS_TABLE".to_owned(), table.to_owned());
    let from = App::new(|name| variables.get(name).cloned(), Clock::System, None);
    let from = from.unwrap_or_else(|problem| panic!("{}", problem.error));
    needed(&old.stack);
    let pass = Pass::new(&from, Reading::All, FAST, Journal::in_memory(from.clock.now()));
    show(&pass, &Copying { from: &from, to: &old.app, policy: Policy::Past }, |_| Ok(())).await.unwrap();
    assert_eq!(old.stack.dynamodb.scan(CREDENTIALS_TABLE).len(), 3);
    assert_eq!(needed(&old.stack), actions(&policies, "RestorePolicy"));
}
