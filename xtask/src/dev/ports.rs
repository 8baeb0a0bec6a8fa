//! The ports of loopback that `dev` listens on, and what it says when one is taken.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use harness::Listeners;
use tokio::net::{TcpListener, TcpStream};

use crate::commands::Ports;

/// The ports, taken. That of the API is only known to be free: `cargo lambda watch` takes it later.
pub(crate) struct Bound {
    /// The functions'.
    pub(crate) api: u16,
    /// The demo page's.
    pub(crate) page: TcpListener,
    /// Those of Google, DynamoDB and Secrets Manager.
    pub(crate) back_ends: Listeners,
}

impl Ports {
    /// Any free port for each.
    pub(crate) const FREE: Self = Self { api: 0, page: 0, google: 0, dynamodb: 0, secrets: 0 };

    /// Takes the ports.
    pub(crate) async fn bind(self) -> Result<Bound, String> {
        let api = bind(self.api, "--api-port").await?;
        let page = bind(self.page, "--page-port").await?;
        let google = bind(self.google, "--google-port").await?;
        let dynamodb = bind(self.dynamodb, "--dynamodb-port").await?;
        let secrets = bind(self.secrets, "--secrets-port").await?;
        let api = port_of(&api)?;
        Ok(Bound { api, page, back_ends: Listeners { google, dynamodb, secrets } })
    }
}

/// A port of 127.0.0.1 that is free at this moment, for a program that takes it soon.
pub(crate) async fn free() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
    port_of(&listener)
}

/// The port that a listener has.
pub(crate) fn port_of(listener: &TcpListener) -> Result<u16, String> {
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

async fn bind(port: u16, flag: &str) -> Result<TcpListener, String> {
    let taken = || format!("port {port} is taken; choose another with {flag} PORT");
    // Browsers try ::1 for "localhost" first: a server there would answer in our place.
    if port != 0 && TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.is_ok() {
        return Err(taken());
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => taken(),
        _ => format!("cannot listen on port {port} ({error}); choose another with {flag} PORT"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_is_named_with_the_option_that_chooses_another() {
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = port_of(&other).unwrap();
        let problem = Ports { page: port, ..Ports::FREE }.bind().await.err().unwrap();
        assert_eq!(problem, format!("port {port} is taken; choose another with --page-port PORT"));
    }
}
