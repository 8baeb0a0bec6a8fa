//! `CloudFormation`'s answer when the stack is elsewhere, and where doctor says that it looked.

use axum::body::Body;
use axum::http::Response;

use crate::account::Account;
use crate::doctor::target::{Target, local_config};
use crate::doctor::tests::PAGE;
use crate::doctor::tests::cloud::serve;

const NO_STACK: &str = "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id \
                        postern does not exist</Message></Error></ErrorResponse>";
const IDENTITY: &str = "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account><Arn>\
                        arn:aws:iam::123456789012:user/ann</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>";

/// Doctor's words where there is no such stack, and STS answers `status`.
async fn problem(status: u16) -> String {
    let url = serve(move |_, body| {
        let (status, answer) =
            if body.contains("Action=DescribeStacks") { (400, NO_STACK) } else { (status, IDENTITY) };
        Response::builder().status(status).body(Body::from(answer)).unwrap()
    })
    .await;
    let web = Target::at(&url, PAGE.to_owned(), &url, &url).unwrap().web;
    let account = Account { config: local_config(&web, &url) };
    Target::of_stack(&account, "postern", None).await.err().unwrap()
}

#[tokio::test]
async fn a_stack_that_is_elsewhere_is_missed_by_region_and_account() {
    assert_eq!(
        problem(200).await,
        "there is no stack \"postern\" in region us-east-1 of account 123456789012; say with --stack-name, --region and \
         --profile where it is"
    );
}

#[tokio::test]
async fn the_region_is_told_where_the_account_is_not_known() {
    assert_eq!(
        problem(403).await,
        "there is no stack \"postern\" in region us-east-1 of this account; say with --stack-name, --region and --profile \
         where it is"
    );
}
