//! `cargo xtask e2e`: deploys to MiniStack, an emulator of AWS that enforces permissions, and goes
//! through the whole life of a deployment there.

mod back_ends;
mod cloud;
mod defects;
mod deployment;
mod events;
mod journey;
mod logs;
mod other_ways;
mod python;
mod release;
mod restore;
mod roles;
mod rotation;
mod security_events;
mod sweep;
mod versions;

use std::time::Instant;

use self::cloud::Cloud;
use self::deployment::Deployment;
use crate::log;
use crate::processes::{Processes, root, run_to_the_end};
use crate::visit::ACCOUNT;
use harness::check;

/// Starts MiniStack and the fake Google, runs every step, and stops them whatever the outcome.
pub(crate) async fn run() -> Result<(), String> {
    let path = root().join("target").join("xtask-e2e.log");
    let outcome = run_to_the_end(async |processes| {
        let cloud = Cloud::start(&path, processes).await?;
        let outcome = whole_life(&cloud, processes).await;
        if outcome.is_err() {
            logs::show_failures(&cloud).await;
        }
        outcome
    });
    outcome.await.inspect_err(|_| log::show_end_of(&path))
}

async fn whole_life(cloud: &Cloud, processes: &mut Processes) -> Result<(), String> {
    let started = Instant::now();
    let mut deployment = Deployment::begin(cloud, processes).await?;
    println!(
        "a release is built, and deployed without a compiler ({:.0} s)",
        started.elapsed().as_secs_f32()
    );

    check::run(deployment.visit(ACCOUNT)?).await?;
    journey::through_a_change_of_scopes(&mut deployment, processes).await?;
    let belongings = journey::with_everything_optional(&mut deployment, processes).await?;
    back_ends::use_the_connections(&deployment, &belongings, processes).await?;
    security_events::end_a_session(&deployment).await?;
    sweep::reads_its_part(&deployment).await?;
    defects::are_found(&deployment, &belongings, processes).await?;
    rotation::without_a_failed_request(&deployment, processes).await?;
    restore::brings_back_no_erased_user(&deployment, processes).await?;
    versions::serve_and_go_back(&mut deployment, &belongings, processes).await?;
    roles::allow_what_the_template_grants(&deployment).await?;
    logs::hold_no_secret(cloud).await?;
    journey::with_the_options_off(&mut deployment, processes).await?;
    deployment.end().await?;
    other_ways::work_too(cloud, processes).await
}
