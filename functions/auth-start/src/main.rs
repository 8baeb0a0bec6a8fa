//! The Lambda binary; everything it does is in the library beside it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    shared::gateway::run(auth_start::ROUTE, auth_start::handle).await
}
