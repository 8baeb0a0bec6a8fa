//! `cargo xtask google`: the fake Google by itself, for tests of any application in any language.

use harness::google::Google;
use postern::clock::Clock;

use crate::commands::GoogleOptions;
use crate::dev::ports;
use crate::processes::asked_to_stop;

/// Serves until Ctrl-C.
pub(crate) async fn run(options: GoogleOptions) -> Result<(), String> {
    let google = Google::start(ports::bind(options.port, "--port").await?, Clock::System).await;
    let redirect_uris: Vec<&str> = options.redirect_uris.iter().map(String::as_str).collect();
    google.client_secrets(&redirect_uris);
    let url = google.url();
    println!("  fake Google           {url}");
    println!("  control page          {url}/control");
    println!("  client_secrets.json   {url}/control/client_secrets.json");
    println!("  discovery             {url}/.well-known/openid-configuration");
    println!("  client ID             {}", google.client_id());
    println!("  client secret         {}", google.client_secret());
    println!();
    println!("ready; Ctrl-C stops it. docs/fake-google.md says how to use it in tests.");
    asked_to_stop().await;
    Ok(())
}
