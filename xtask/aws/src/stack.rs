//! A deployed stack: what CloudFormation says of it.

use std::collections::BTreeMap;

use shared::outbound::aws::describe;

use crate::account::Account;

/// The outputs of a stack, by name.
#[derive(Clone, Debug)]
pub(crate) struct Outputs(BTreeMap<String, String>);

impl Outputs {
    /// Asks CloudFormation for the outputs of the stack `name`.
    pub(crate) async fn read(account: &Account, name: &str) -> Result<Self, String> {
        let client = aws_sdk_cloudformation::Client::new(&account.config);
        let answer = client.describe_stacks().stack_name(name).send().await.map_err(|error| {
            format!("CloudFormation does not describe the stack {name:?}: {}", describe(&error))
        })?;
        let stack = answer.stacks().first().ok_or_else(|| format!("there is no stack {name:?}"))?;
        let pairs = stack
            .outputs()
            .iter()
            .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())));
        Ok(Self(pairs.collect()))
    }

    /// The output `name`; a stack of another version may lack it.
    pub(crate) fn get(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).map(String::as_str).ok_or_else(|| {
            format!("the stack has no output {name}; it was deployed from another version of the template: deploy again")
        })
    }
}
