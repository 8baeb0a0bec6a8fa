//! What AWS's services and the API say of a deployment, each in turn played by the test.

mod cors;
mod logs;
mod permissions;
mod stack;
