//! The deployed templates, as CloudFormation processed them: what each resource is called, and what
//! its properties come to with the stack's parameters.

mod values;

use std::collections::{BTreeMap, VecDeque};

use aws_sdk_cloudformation::types::TemplateStage;
use serde_json::Value;

use super::finding::{Finding, Refusal};
use super::target::Deployment;
use crate::account::Account;
use crate::stack::{Outputs, Stack};

const WHAT: &str = "what the template says";

/// A stack with its template and the resources that it made.
pub(super) struct Template {
    /// The ARN of the stack.
    pub(super) stack_id: String,
    body: Value,
    parameters: BTreeMap<String, String>,
    outputs: Outputs,
    /// What each resource of the template is called in the account.
    made: BTreeMap<String, String>,
}

/// A resource that the stack made.
pub(super) struct Resource {
    /// Its name in the template.
    pub(super) logical_id: String,
    /// Its name in the account.
    pub(super) physical_id: String,
    /// Its properties, with the values that they have in this stack.
    pub(super) properties: Value,
}

impl Resource {
    /// Its name in the template without the word for its kind, as the folders write names.
    pub(super) fn name(&self, kind: &str) -> String {
        let mut name = String::new();
        for letter in self.logical_id.strip_suffix(kind).unwrap_or(&self.logical_id).chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(letter.to_ascii_lowercase());
        }
        name
    }
}

/// Reads the stack, and the stacks inside it.
pub(super) async fn read(deployment: &Deployment) -> Result<Vec<Template>, Finding> {
    let account = Account { config: deployment.config.clone() };
    let mut stacks = VecDeque::from([deployment.stack.clone()]);
    let mut templates = Vec::new();
    while let Some(stack) = stacks.pop_front() {
        let template = Template::read(&account, &stack).await?;
        for inside in template.resources("AWS::CloudFormation::Stack") {
            let stack = Stack::require(&account, &inside.physical_id).await;
            stacks.push_back(stack.map_err(|problem| Finding::unknown(WHAT, problem))?);
        }
        templates.push(template);
    }
    Ok(templates)
}

impl Template {
    async fn read(account: &Account, stack: &Stack) -> Result<Self, Finding> {
        let client = aws_sdk_cloudformation::Client::new(&account.config);
        let question = client.get_template().stack_name(&stack.id).template_stage(TemplateStage::Processed);
        let answer = question.send().await;
        let answer =
            answer.map_err(|error| Refusal::of("cloudformation:GetTemplate", &error).unknown(WHAT))?;
        let mut made = BTreeMap::new();
        let mut pages = client.list_stack_resources().stack_name(&stack.id).into_paginator().send();
        while let Some(page) = pages.next().await {
            let page =
                page.map_err(|error| Refusal::of("cloudformation:ListStackResources", &error).unknown(WHAT))?;
            made.extend(page.stack_resource_summaries().iter().filter_map(|resource| {
                let name = resource.physical_resource_id()?;
                Some((resource.logical_resource_id()?.to_owned(), name.to_owned()))
            }));
        }
        Ok(Self {
            stack_id: stack.id.clone(),
            body: postern_template::parse(answer.template_body().unwrap_or_default()),
            parameters: stack.parameters.clone(),
            outputs: stack.outputs.clone(),
            made,
        })
    }

    /// The resources of a type that the stack has.
    pub(super) fn resources(&self, kind: &str) -> Vec<Resource> {
        let all = self.body["Resources"].as_object().into_iter().flatten();
        let of_kind = all.filter(|(_, resource)| resource["Type"] == kind);
        let made = of_kind.filter_map(|(logical_id, resource)| {
            Some(Resource {
                logical_id: logical_id.clone(),
                physical_id: self.made.get(logical_id)?.clone(),
                properties: self.resolve(&resource["Properties"]),
            })
        });
        made.collect()
    }
}

/// A parameter is text where the template may write a number.
pub(super) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// One value or a list of them; none for null.
pub(super) fn each(value: &Value) -> impl Iterator<Item = &Value> {
    let (list, one) = match value {
        Value::Array(list) => (list.as_slice(), None),
        Value::Null => (&[][..], None),
        one => (&[][..], Some(one)),
    };
    list.iter().chain(one)
}
