//! A deployed stack: what CloudFormation says of it.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::Stack as Description;
use postern::outside::http::aws::describe;

use crate::account::Account;

/// A stack that is there, in whatever state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stack {
    /// Its ARN.
    pub(crate) id: String,
    /// CloudFormation's word for its state, such as `UPDATE_COMPLETE`.
    pub(crate) status: String,
    /// The values that its parameters have.
    pub(crate) parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub(crate) outputs: Outputs,
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
}

impl Stack {
    /// Asks CloudFormation for the stack `name`.
    pub(crate) async fn find(account: &Account, name: &str) -> Result<Option<Self>, String> {
        let client = aws_sdk_cloudformation::Client::new(&account.config);
        match client.describe_stacks().stack_name(name).send().await {
            Ok(answer) => Ok(answer.stacks().first().map(Self::from)),
            // CloudFormation has no code of its own for it.
            Err(error) if error.message().is_some_and(|words| words.contains("does not exist")) => Ok(None),
            Err(error) => {
                Err(format!("CloudFormation does not describe the stack {name:?}: {}", describe(&error)))
            }
        }
    }

    /// The same, for a caller who needs it to be there.
    pub(crate) async fn require(account: &Account, name: &str) -> Result<Self, String> {
        if let Some(stack) = Self::find(account, name).await?.filter(|stack| !stack.is_in_review()) {
            return Ok(stack);
        }
        // It may be another account than the caller thinks.
        let identity = account.identity().await;
        let of =
            identity.map_or_else(|_| "this account".to_owned(), |(number, _)| format!("account {number}"));
        Err(format!(
            "there is no stack {name:?} in region {} of {of}; say with --stack-name, --region and --profile where it is",
            account.region()
        ))
    }

    /// Whether it has nothing but a change set that nobody has executed.
    pub(crate) fn is_in_review(&self) -> bool {
        self.status == "REVIEW_IN_PROGRESS"
    }
}

impl From<&Description> for Stack {
    fn from(stack: &Description) -> Self {
        let parameters = stack.parameters().iter().map(|one| (one.parameter_key(), one.parameter_value()));
        let outputs = stack.outputs().iter().map(|one| (one.output_key(), one.output_value()));
        let tags = stack.tags().iter().map(|one| (one.key(), one.value()));
        Self {
            id: stack.stack_id().unwrap_or_default().to_owned(),
            status: stack.stack_status().map_or_else(String::new, |status| status.as_str().to_owned()),
            parameters: map_of(parameters),
            outputs: Outputs(map_of(outputs)),
            tags: map_of(tags),
        }
    }
}

fn map_of<'a>(pairs: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>) -> BTreeMap<String, String> {
    pairs.filter_map(|(name, value)| Some((name?.to_owned(), value?.to_owned()))).collect()
}

/// The outputs of a stack, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outputs(BTreeMap<String, String>);

impl Outputs {
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
