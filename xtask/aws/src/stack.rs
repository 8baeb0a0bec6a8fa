//! A deployed stack: what CloudFormation says of it.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::Stack as Description;
use postern::outside::http::aws::describe;

use crate::account::Account;

/// A stack that is there, in whatever state.
#[derive(Clone, Debug)]
pub(crate) struct Stack {
    /// CloudFormation's word for its state, such as `UPDATE_COMPLETE`.
    pub(crate) status: String,
    /// The values that its parameters have.
    pub(crate) parameters: BTreeMap<String, String>,
    /// What it gives.
    pub(crate) outputs: Outputs,
}

impl Stack {
    /// Asks CloudFormation for the stack `name`. One that never came further than a change set to look at counts as absent.
    pub(crate) async fn find(account: &Account, name: &str) -> Result<Option<Self>, String> {
        let client = aws_sdk_cloudformation::Client::new(&account.config);
        match client.describe_stacks().stack_name(name).send().await {
            Ok(answer) => Ok(answer
                .stacks()
                .first()
                .map(Self::from)
                .filter(|stack| stack.status != "REVIEW_IN_PROGRESS")),
            // CloudFormation has no code of its own for it.
            Err(error) if error.message().is_some_and(|words| words.contains("does not exist")) => Ok(None),
            Err(error) => {
                Err(format!("CloudFormation does not describe the stack {name:?}: {}", describe(&error)))
            }
        }
    }

    /// The same, for who needs it to be there.
    pub(crate) async fn require(account: &Account, name: &str) -> Result<Self, String> {
        match Self::find(account, name).await? {
            Some(stack) => Ok(stack),
            None => Err(absent(account, name).await),
        }
    }
}

/// Where `name` was looked for, and how to look elsewhere.
async fn absent(account: &Account, name: &str) -> String {
    // It may be another account than the one thought of; whether STS tells is beside the point.
    let of_account = account
        .identity()
        .await
        .map_or_else(|_| "this account".to_owned(), |identity| format!("account {}", identity.account));
    format!(
        "there is no stack {name:?} in region {} of {of_account}; say with --stack-name, --region and --profile where it is",
        account.region()
    )
}

impl From<&Description> for Stack {
    fn from(stack: &Description) -> Self {
        let parameters = stack.parameters().iter().filter_map(|parameter| {
            Some((parameter.parameter_key()?.to_owned(), parameter.parameter_value()?.to_owned()))
        });
        let outputs = stack
            .outputs()
            .iter()
            .filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned())));
        Self {
            status: stack.stack_status().map_or_else(String::new, |status| status.as_str().to_owned()),
            parameters: parameters.collect(),
            outputs: Outputs(outputs.collect()),
        }
    }
}

/// The outputs of a stack, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs(BTreeMap<String, String>);

impl Outputs {
    /// Asks CloudFormation for the outputs of the stack `name`.
    pub(crate) async fn read(account: &Account, name: &str) -> Result<Self, String> {
        Ok(Stack::require(account, name).await?.outputs)
    }

    /// The output `name`; a stack of another version may lack it.
    pub(crate) fn get(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).map(String::as_str).ok_or_else(|| {
            format!("the stack has no output {name}; it was deployed from another version of the template: deploy again")
        })
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

#[cfg(test)]
impl<const COUNT: usize> From<[(&str, &str); COUNT]> for Outputs {
    fn from(pairs: [(&str, &str); COUNT]) -> Self {
        Self(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }
}
