//! What Postern's Lambda functions share. A request comes in through [`door`], uses a grant through
//! [`grant`], which speaks with the systems in [`outside`]. The rules that need none of this are the
//! crate `postern-rules`.

pub mod app;
pub mod clock;
pub mod config;
pub mod door;
pub mod grant;
pub mod outside;
pub mod telemetry;
