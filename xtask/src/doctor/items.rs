//! Whether the keyring can open what is stored: the keys' names in a sample of the users' tokens.

use std::collections::{BTreeMap, BTreeSet};

use postern::outside::dynamodb::{SEALED, keys_of};

use super::finding::{Finding, Refusal, or_good};
use super::target::Target;

/// How many items doctor looks at.
const SAMPLE: i32 = 1000;

/// `keys` are the names of the keyring's keys.
pub(super) async fn examine(target: &Target, keys: Option<&BTreeSet<String>>) -> Vec<Finding> {
    let what = "whether the keyring opens the stored tokens";
    let Some(keys) = keys else {
        return vec![Finding::unknown(what, "there is no usable keyring; fix its secret first")];
    };
    let table = &target.credentials_table;
    let scan =
        target.dynamodb.scan().table_name(table).limit(SAMPLE).projection_expression(SEALED.join(", "));
    let answer = match scan.send().await {
        Ok(answer) => answer,
        Err(error) => return vec![Refusal::of("dynamodb:Scan", &error).unknown(what)],
    };
    let mut lost: BTreeMap<String, usize> = BTreeMap::new();
    for item in answer.items() {
        for key in keys_of(item).into_iter().filter(|key| !keys.contains(key)) {
            *lost.entry(key).or_default() += 1;
        }
    }
    let looked_at = match (answer.items().len(), answer.last_evaluated_key()) {
        (count, None) => format!("all {count} users"),
        (count, Some(_)) => format!("the {count} users that doctor looked at"),
    };
    let finding = |(key, count): (String, usize)| {
        let key: String = key.chars().filter(char::is_ascii_graphic).take(32).collect();
        Finding::wrong(
            format!(
                "tokens of {count} of {looked_at} are sealed with the key {key:?}, which the keyring lacks"
            ),
            "put that key back into the keyring; without it these users must connect again",
        )
    };
    or_good(lost.into_iter().map(finding).collect(), format!("the keyring has the keys of {looked_at}"))
}
