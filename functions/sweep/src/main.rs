//! The Lambda binary. The library in this package does the work.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    postern::door::schedule::run(sweep::FUNCTION, sweep::handle).await
}
