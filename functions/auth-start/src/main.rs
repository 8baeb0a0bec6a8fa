//! The Lambda binary; everything it does is in the library beside it.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    postern::door::run(auth_start::ROUTE, auth_start::handle).await
}
