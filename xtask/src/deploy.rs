//! `cargo xtask deploy`: Google's client into Secrets Manager, then `sam build` and `sam deploy`. Everything that can be
//! refused is refused before anything is changed, and nothing is changed before the caller has seen what.

mod at_google;
mod callback;
mod client_change;
mod client_file;
mod consent;
mod decision;
mod declared;
mod parameters;
mod plan;
mod question;
mod release;
mod remaining;
mod rules;
mod secret;
mod state;
mod way_back;

use self::client_change::{Before, ClientChange};
use self::consent::Said;
use self::decision::{Step, decide};
use self::parameters::Parameters;
use self::plan::Plan;
use self::release::{Release, Tools};
use self::secret::GoogleSecret;
use self::way_back::{Place, WayBack};
use crate::account::Account;
use crate::commands::DeployOptions;
use crate::processes::{Processes, asked_to_stop};
use crate::stack::{Outputs, Stack};

/// Deploys, and stops whatever it started.
pub(crate) async fn run(options: DeployOptions) -> Result<(), String> {
    let mut processes = Processes::default();
    let way_back = WayBack::default();
    let outcome = tokio::select! {
        outcome = deploy(&options, &mut processes, &way_back) => outcome,
        () = asked_to_stop() => Err(
            "interrupted; what CloudFormation had begun, if anything, goes on: `aws cloudformation describe-stack-events`"
                .to_owned(),
        ),
    };
    processes.stop().await;
    outcome.map_err(|problem| way_back.after(problem))
}

async fn deploy(
    options: &DeployOptions,
    processes: &mut Processes,
    way_back: &WayBack,
) -> Result<(), String> {
    // What is wrong with the caller's own words is said before AWS is asked anything.
    let template = postern_template::read();
    let parameters = Parameters::parse(&options.parameters, &template)?;
    let file = options.client_secret.as_deref().map(client_file::read).transpose()?;
    if !options.yes && !question::can_be_asked() {
        return Err("this is not a terminal, so nobody can be asked; give --yes".to_owned());
    }
    let account = Account::open(&options.account).await?;
    let identity = account.identity().await?;

    let stack = Stack::find(&account, &options.stack_name).await?;
    stack.as_ref().map_or(Ok(()), |stack| state::require_changeable(&options.stack_name, stack))?;
    let parameters =
        parameters.on_top_of(stack.as_ref().map(|stack| stack.parameters.clone()).unwrap_or_default());
    parameters.require_all()?;
    rules::check(&template, |name| parameters.value(name))?;

    let name =
        parameters.text("GoogleClientSecretId").ok_or("the parameter GoogleClientSecretId is empty")?;
    let secret = GoogleSecret::new(&account, name);
    let stored = secret.look().await?;
    let step = decide(name, &stored, file.as_ref())?;
    let mut warnings = match &options.client_secret {
        Some(path) => client_file::warnings(path).await,
        None => Vec::new(),
    };
    if let Some(file) = file.as_ref().filter(|_| step != Step::Keep) {
        let callback = callback::known(&parameters, stack.as_ref());
        callback::require(callback.as_deref(), file, options.redirect_uri_is_registered)?;
        warnings.extend(at_google::check(file, callback.as_deref()).await?);
    }
    let client = if step == Step::Keep { stored.client() } else { file.as_ref() };
    let client_id = client.map(|client| client.google.client_id.as_str());
    let before = stored_before(&account, &parameters, name).await;
    let client_change = ClientChange::of(stack.is_none(), &before, &stored, &step, client_id);
    let plan = Plan {
        identity: &identity,
        region: account.region(),
        stack_name: &options.stack_name,
        status: stack.as_ref().map(|stack| stack.status.as_str()),
        secret_name: name,
        client_id,
        client_change: &client_change,
        step: &step,
        parameters: &parameters,
        warnings: &warnings,
    };
    println!("{plan}");
    let said = Said { yes: options.yes, change_client: options.change_client };
    consent::obtain(said, &client_change).await?;

    let tools = Tools::find(processes).await?;
    let release = Release {
        stack_name: &options.stack_name,
        region: account.region(),
        profile: options.account.profile.as_deref(),
        parameters: &parameters,
    };
    // First what may fail without having changed anything; then the secret, which the new functions read.
    release.build(&tools, processes).await?;
    if let Some(file) = &file {
        let place = Place { secret: name, region: release.region, profile: release.profile };
        secret.carry_out(&step, file, parameters.text("KmsKeyArn"), (way_back, place)).await?;
    }
    release.deploy(&tools, processes).await?;
    way_back.forget();

    let outputs = Outputs::read(&account, &options.stack_name).await?;
    show(&outputs, &remaining::steps(&options.stack_name, &outputs, client, account.region()));
    Ok(())
}

/// What the stack reads now, whose name may be another than the one that it is given.
async fn stored_before(account: &Account, parameters: &Parameters, name: &str) -> Before {
    match parameters.text_before("GoogleClientSecretId") {
        Some(before) if before != name => Before::Other(GoogleSecret::new(account, before).look().await.ok()),
        _ => Before::Same,
    }
}

fn show(outputs: &Outputs, steps: &[String]) {
    println!("\nThe stack's outputs:\n");
    let width = outputs.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, value) in outputs.iter() {
        println!("  {name:width$}  {value}");
    }
    println!("\nWhat is left to do:\n");
    for (number, step) in (1..).zip(steps) {
        println!("  {number}. {}", step.replace('\n', "\n     "));
    }
}
