//! What doctor says of the deployment: nothing is wrong, and then each planted defect.

use std::net::SocketAddr;
use std::process::Stdio;

use harness::google::{Endpoint, Failure, Times};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::cloud::Cloud;
use super::deployment::{Deployment, STACK};
use super::python::Python;
use crate::account::Account;
use crate::doctor::{Report, Target, examine};
use crate::processes::{Processes, root};
use crate::stack::Outputs;
use crate::visit::{ACCOUNT, expect, say};

/// Plants the defects, one after the other.
const PLANTS: &str = "xtask/src/e2e/plants.py";

/// Has each defect planted, asks doctor, and has it undone.
pub(super) async fn are_found(
    deployment: &Deployment<'_>,
    belongings: &Outputs,
    processes: &mut Processes,
) -> Result<(), String> {
    let cloud = deployment.cloud;
    let python = Python::fetch(cloud, processes).await?;
    let plants = root().join(PLANTS);
    let words = [belongings.get("AlarmTopicArn")?, belongings.get("KmsKeyArn")?, belongings.get("Listener")?];
    let mut planter =
        python.command(&[&[&*plants.to_string_lossy()][..], &words].concat(), &python.owner, &[]);
    let mut planter = planter.stderr(Stdio::inherit()).spawn().map_err(|error| error.to_string())?;
    let (Some(mut done), Some(output)) = (planter.stdin.take(), planter.stdout.take()) else {
        return Err("the planter cannot be talked to".to_owned());
    };
    let mut rows = BufReader::new(output).lines();
    while let Some(line) = rows.next_line().await.map_err(|error| error.to_string())? {
        let plant: Value = serde_json::from_str(&line).map_err(|_| format!("not a plant: {line}"))?;
        finds(&plant, cloud).await?;
        done.write_all(b"\n").await.map_err(|error| error.to_string())?;
    }
    let status = planter.wait().await.map_err(|error| error.to_string())?;
    expect(status.success(), "every defect is planted and undone")?;

    cloud.google.fail(Endpoint::MessagesList, Failure::ServiceDisabled, Times::UntilCleared);
    let mut visit = deployment.sign_in(ACCOUNT).await?;
    expect(visit.fetch_messages(&[]).await?.status == 503, "a disabled Gmail API is 503 for the user")?;
    let words = ["the Gmail API is not enabled", "enable it at", "gmail.googleapis.com"];
    finds(&serde_json::json!({ "defect": "a disabled Gmail API", "exit_code": 1, "words": words }), cloud)
        .await?;
    cloud.google.clear_failures();
    Ok(())
}

/// Doctor ends with the expected status, and calls something wrong in a line with all the words; it
/// calls nothing wrong where there are none.
async fn finds(plant: &Value, cloud: &Cloud) -> Result<(), String> {
    let report = report(&cloud.account, cloud).await?;
    let words = plant["words"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let words: Vec<&str> = words.collect();
    let wrong = report.findings.iter().filter(|(_, finding)| finding.is_wrong());
    let wrong: Vec<String> = wrong.map(|(_, finding)| finding.to_string()).collect();
    let (defect, code) = (plant["defect"].as_str().unwrap_or_default(), report.exit_code());
    let found = wrong.iter().find(|line| words.iter().all(|word| line.contains(word)));
    if plant["exit_code"] != code || found.is_none() != words.is_empty() {
        return Err(format!("with {defect} planted, doctor ends with {code} and finds {wrong:#?}"));
    }
    say(&format!("doctor, {defect}: {code}, {}", found.map_or("no line", String::as_str)));
    Ok(())
}

/// What doctor says to this account of the cloud.
pub(super) async fn report(account: &Account, cloud: &Cloud) -> Result<Report, String> {
    let address = cloud.url.trim_start_matches("http://").parse::<SocketAddr>();
    let address = address.map_err(|_| "MiniStack's URL is not an address")?;
    Ok(examine(&Target::of_stack(account, STACK, Some(address)).await?).await)
}
