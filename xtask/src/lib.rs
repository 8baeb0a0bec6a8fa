//! What the project's own commands are made of: the programs they start, the ports they take, a browser and a person.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command's words go to its terminal")]

pub mod browser;
pub mod cargo_lambda;
pub mod log;
pub mod ministack;
pub mod ports;
pub mod processes;
pub mod python;
pub mod sam;
pub mod visit;
