//! The account's own back ends: a listed role gets tokens and reads mail with the documented
//! example, an administrator's role sees and ends connections, and every other role is denied.

use aws_credential_types::Credentials;
use aws_sdk_lambda::primitives::Blob;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::{Value, json};

use super::deployment::{Deployment, ERASED, PAGE};
use super::events::Queue;
use super::python::Python;
use super::roles::assume;
use crate::account::{Account, Called};
use crate::connections;
use crate::processes::{Processes, root};
use crate::stack::Outputs;
use crate::visit::{ACCOUNT, Visit, expect, say};

/// The example of docs/back-ends.md, with Google's own library.
const EXAMPLE: &str = "examples/back-ends/python/app.py";

/// Roles that the test may assume. None has a policy of its own: what it may do, the stack lets it.
struct BackEnds<'a> {
    deployment: &'a Deployment<'a>,
    /// Listed in `BackEndRoleArns`.
    worker: Credentials,
    /// Listed in `AdministratorRoleArns`.
    administrator: Credentials,
    /// Not listed.
    stranger: Credentials,
    python: Python,
}

/// Goes through all of it with the operator's roles and queue.
pub(super) async fn use_the_connections(
    deployment: &Deployment<'_>,
    belongings: &Outputs,
    processes: &mut Processes,
) -> Result<(), String> {
    let cloud = deployment.cloud;
    let role = async |output: &str| assume(cloud, belongings.get(output)?).await;
    let back_ends = BackEnds {
        deployment,
        worker: role("BackEndRoleArns").await?,
        administrator: role("AdministratorRoleArns").await?,
        stranger: role("Stranger").await?,
        python: Python::fetch(cloud, processes).await?,
    };
    let queue = Queue { url: belongings.get("Queue")?, python: &back_ends.python };
    let mut visit = deployment.sign_in(ACCOUNT).await?;
    let user = back_ends.trade_a_receipt(&mut visit).await?;
    back_ends.list_with_googles_client(&user).await?;
    back_ends.are_denied_what_is_not_theirs(&user).await?;
    back_ends.learn_of_a_lapse(&user, &queue).await?;
    back_ends.administer(&user, &queue).await
}

impl BackEnds<'_> {
    /// The page hands its receipt to its own back end. Returns whose mailbox it is.
    async fn trade_a_receipt(&self, visit: &mut Visit<'_>) -> Result<String, String> {
        let receipt = visit.receipt().await?;
        let told = self.ask_for(&json!({"receipt": receipt, "introspect": true})).await?;
        let user = told["user"]["id"].as_str().ok_or(format!("no user: {told}"))?.to_owned();
        expect(told["status"] == "connected" && told["origin"] == PAGE, &format!("it is Ann's: {told}"))?;
        let receipt = visit.receipt().await?;
        let said = self.example("trade", "", &[("APP_ORIGIN", PAGE)], &[&receipt]).await?;
        expect(said == format!("{user} is {ACCOUNT}"), &format!("the example says {said:?}"))?;
        let again = self.ask_for(&json!({"receipt": receipt})).await?;
        expect(again["code"] == "invalid_receipt", &format!("a receipt works once: {again}"))?;
        say("a listed role trades the receipt of GET /connection, once, for the page's user");
        Ok(user)
    }

    async fn list_with_googles_client(&self, user: &str) -> Result<(), String> {
        let gmail = self.deployment.cloud.google.url();
        let subjects = self.example("unread", "", &[("GMAIL_ENDPOINT", gmail)], &[user]).await?;
        let count = subjects.lines().count();
        expect((1..=3).contains(&count), &format!("the example lists unread mail: {subjects:?}"))?;
        say(&format!(
            "a listed role reads {count} subjects with Google's own Python client and the user's ID"
        ));
        Ok(())
    }

    async fn are_denied_what_is_not_theirs(&self, user: &str) -> Result<(), String> {
        let question = json!({"user_id": user});
        let list = json!({"action": "list", "status": "active"});
        for (who, role, output, payload) in [
            ("an unlisted role", &self.stranger, "AccessTokenFunction", &question),
            ("an unlisted role", &self.stranger, "ConnectionsFunction", &list),
            ("an unlisted role", &self.stranger, "EventsFunction", &json!({"Records": []})),
            ("an administrator's role", &self.administrator, "AccessTokenFunction", &question),
            ("a back end's role", &self.worker, "ConnectionsFunction", &list),
            ("a back end's role", &self.worker, "EventsFunction", &json!({"Records": []})),
            ("a back end's role", &self.worker, "ListMessagesFunction", &json!({})),
        ] {
            let is_denied = self.invoke(role, output, payload).await?.is_none();
            expect(is_denied, &format!("{who} may not invoke {output}"))?;
        }
        say("IAM denies each function to the roles that are not listed for it");
        Ok(())
    }

    /// The user revokes the grant: the back end is told why, and an event says it too.
    async fn learn_of_a_lapse(&self, user: &str, queue: &Queue<'_>) -> Result<(), String> {
        let token = self.ask_for(&json!({"user_id": user})).await?["access_token"].clone();
        let google = &self.deployment.cloud.google;
        google.revoke_grant(ACCOUNT);
        // A token that is less than a minute old is not replaced.
        tokio::time::sleep(std::time::Duration::from_mins(1)).await;
        let told = self.ask_for(&json!({"user_id": user, "refused_token": token})).await?;
        let is_so = told["status"] == 401 && told["reason"] == "revoked_or_expired";
        let start = format!("{}/auth/start", self.deployment.api);
        expect(is_so && told["start_url"] == start.as_str(), &format!("the grant is gone: {told}"))?;
        let event = queue.wait_for("Gmail Lapsed", user).await?;
        let detail = &event["detail"];
        expect(detail["reason"] == "revoked_or_expired", &format!("the event says why: {detail}"))?;
        expect(detail["user"] == json!({"id": user}), &format!("the event has no address: {detail}"))?;
        let said = self.example("event", &event.to_string(), &[], &[]).await?;
        expect(said.contains(user), &format!("the example pauses that user's jobs: {said:?}"))?;
        say(
            "a revoked grant is told with its reason: by access-token, and by an event that the stream brought",
        );
        self.deployment.sign_in(ACCOUNT).await?;
        queue.wait_for("Gmail Reconnected", user).await?;
        say("after a new consent, the next event says that the user is back");
        Ok(())
    }

    async fn administer(&self, user: &str, queue: &Queue<'_>) -> Result<(), String> {
        let ask = async |payload: Value| {
            let answer = self.invoke(&self.administrator, "ConnectionsFunction", &payload).await?;
            answer.ok_or("an administrator's role may not invoke connections".to_owned())
        };
        let mut erased = self.deployment.sign_in(ERASED).await?;
        let told = self.ask_for(&json!({"receipt": erased.receipt().await?, "introspect": true})).await?;
        let erased = told["user"]["id"].as_str().ok_or(format!("no user: {told}"))?.to_owned();
        queue.wait_for("Gmail Connected", &erased).await?;
        let list = json!({"action": "list", "status": "active"});
        let lists = async |user: &str| {
            let listed = ask(list.clone()).await?;
            let connections = listed["connections"].as_array().ok_or(format!("no list: {listed}"))?.clone();
            Ok::<_, String>(connections.iter().any(|connection| connection["user"]["id"] == user))
        };
        expect(lists(user).await? && lists(&erased).await?, "both users are listed")?;
        let account = Account::at(&self.deployment.cloud.url, self.administrator.clone()).await?;
        let function = self.deployment.outputs.get("ConnectionsFunction")?;
        let told = connections::count(&account, function).await?;
        let active = told["counts"].as_array().into_iter().flatten().filter(|one| one["status"] == "active");
        let count: u64 = active.map(connections::connections).sum();
        expect(count >= 2 && told["asked_again"] == 0, &format!("they are counted: {told}"))?;
        let told = ask(json!({"action": "erase", "user_id": erased})).await?;
        expect(told["erased"] == true && told["revoked"] == true, &format!("the user is erased: {told}"))?;
        let told = ask(json!({"action": "get", "user_id": erased})).await?;
        expect(told["code"] == "connection_not_found", &format!("nothing is left: {told}"))?;
        queue.wait_for("Gmail Disconnected", &erased).await?;
        say(&format!("an administrator's role lists and counts {count} connections, and erases one"));
        Ok(())
    }

    /// What access-token tells a listed role.
    async fn ask_for(&self, payload: &Value) -> Result<Value, String> {
        let answer = self.invoke(&self.worker, "AccessTokenFunction", payload).await?;
        answer.ok_or("a listed role may not invoke access-token".to_owned())
    }

    /// The answer of the function that the output names; `None` if the role may not invoke it.
    async fn invoke(
        &self,
        role: &Credentials,
        output: &str,
        payload: &Value,
    ) -> Result<Option<Value>, String> {
        let account = Account::at(&self.deployment.cloud.url, role.clone()).await?;
        let function = self.deployment.outputs.get(output)?;
        let invocation = aws_sdk_lambda::Client::new(&account.config).invoke().function_name(function);
        let answer = match invocation.payload(Blob::new(payload.to_string())).send().await {
            Err(error) if error.code().is_some_and(|code| code.starts_with("AccessDenied")) => {
                return Ok(None);
            }
            outcome => outcome.or_say(&format!("{output} is not invoked"))?,
        };
        expect(answer.function_error().is_none(), &format!("{output} answers {payload}"))?;
        let text = answer.payload().map(Blob::as_ref).unwrap_or_default();
        serde_json::from_slice(text).map(Some).map_err(|_| format!("{output} answers no JSON"))
    }

    /// What the example prints, as the listed role.
    async fn example(
        &self,
        does: &str,
        input: &str,
        environment: &[(&str, &str)],
        words: &[&str],
    ) -> Result<String, String> {
        let function = self.deployment.outputs.get("AccessTokenFunction")?;
        let environment = [environment, &[("POSTERN_FUNCTION", function)]].concat();
        let example = root().join(EXAMPLE);
        let example = example.to_string_lossy();
        let words = [&[&*example, does], words].concat();
        self.python.run(&words, input, &self.worker, &environment).await
    }
}
