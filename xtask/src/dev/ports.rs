//! The ports of loopback that `dev` listens on, and what it says when one is taken.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};

use harness::Listeners;
use tokio::net::{TcpListener, TcpStream};

use crate::commands::Ports;

/// The ports, taken.
pub(crate) struct Bound {
    pub(crate) api: TcpListener,
    pub(crate) page: TcpListener,
    pub(crate) back_ends: Listeners,
    /// Free when it was asked for; `cargo lambda watch` takes it itself.
    pub(crate) lambda: u16,
}

/// Takes the ports.
pub(crate) async fn take(ports: Ports) -> Result<Bound, String> {
    let api = bind(ports.api, "--api-port").await?;
    let page = bind(ports.page, "--page-port").await?;
    let google = bind(ports.google, "--google-port").await?;
    let dynamodb = bind(ports.dynamodb, "--dynamodb-port").await?;
    let secrets = bind(ports.secrets, "--secrets-port").await?;
    let lambda = port_of(&bind(ports.lambda, "--lambda-port").await?)?;
    Ok(Bound { api, page, back_ends: Listeners { google, dynamodb, secrets }, lambda })
}

/// A port of 127.0.0.1 that is free at this moment, for a program that takes it soon.
pub(crate) async fn free() -> Result<u16, String> {
    port_of(&bind(0, "").await?)
}

/// The port that a listener has.
pub(crate) fn port_of(listener: &TcpListener) -> Result<u16, String> {
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}

/// Listens on a port of 127.0.0.1; `option` is the command's option that names it.
pub(crate) async fn bind(port: u16, option: &str) -> Result<TcpListener, String> {
    let taken = || format!("port {port} is taken; choose another with {option} PORT");
    // Browsers try ::1 for "localhost" first: a server there would answer in our place.
    if port != 0 && TcpStream::connect((Ipv6Addr::LOCALHOST, port)).await.is_ok() {
        return Err(taken());
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => taken(),
        _ => format!("cannot listen on port {port} ({error}); choose another with {option} PORT"),
    })
}
