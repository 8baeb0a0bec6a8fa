//! `cargo xtask e2e`.

/// What the caller chose.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    account: crate::account::Chosen,
}

/// Placeholder while the module is written.
pub(crate) async fn run(options: Options) -> Result<(), String> {
    let account = crate::account::Account::open(&options.account).await?;
    let outputs = crate::stack::Outputs::read(&account, "postern").await?;
    outputs.get("ApiUrl").map(drop)
}
