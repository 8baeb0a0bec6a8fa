//! The edge: a proxy in front of this API that proves itself with a secret header, such as
//! CloudFront (infra/edge.yaml). Anyone can reach API Gateway beside it, so the door asks for the
//! header. Off unless `ORIGIN_SECRET_HASHES` is set.

use std::net::IpAddr;

use postern_rules::error::Error;

use super::Request;
use crate::app::App;

/// The header with the secret. The edge overwrites what a caller sends.
pub const SECRET_HEADER: &str = "x-origin-secret";
/// The header in which CloudFront names the caller. Anyone can send it, so it counts only beside
/// the secret.
pub const ADDRESS_HEADER: &str = "cloudfront-viewer-address";

/// Refuses what did not come through the edge. Gives the address of the caller, if the edge tells
/// it.
pub(super) fn check(app: &App, request: &Request) -> Result<Option<IpAddr>, Error> {
    let Some(secrets) = &app.config.origin_secrets else { return Ok(None) };
    if !request.header(SECRET_HEADER).is_some_and(|sent| secrets.admit(sent)) {
        return Err(Error::EdgeRequired);
    }
    Ok(request.header(ADDRESS_HEADER).and_then(address))
}

/// The address in `address:port`. CloudFront puts no brackets around one of IPv6.
fn address(viewer: &str) -> Option<IpAddr> {
    viewer.rsplit_once(':')?.0.parse().ok()
}
