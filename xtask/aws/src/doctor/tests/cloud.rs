//! A server that answers what the test says, in the place of AWS's services or of the API; and a target that is deployed there.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use tokio::net::TcpListener;

use super::PAGE;
use crate::doctor::functions::{Facts, Function};
use crate::doctor::target::{Deployment, Place, Target, local_config};
use crate::stack::{Outputs, Stack};

/// Serves `answer`, which is given headers and body; its URL.
pub(super) async fn serve<A>(answer: A) -> String
where
    A: Fn(&HeaderMap, &str) -> Response<Body> + Clone + Send + Sync + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
    let router = Router::new().fallback(move |request: Request| {
        let answer = answer.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = to_bytes(body, 64 * 1024).await.unwrap();
            answer(&head.headers, std::str::from_utf8(&body).unwrap())
        }
    });
    #[expect(clippy::disallowed_methods, reason = "it runs beside the command")]
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

/// A stack whose API and whose services of AWS all are at `url`.
pub(super) fn deployed(url: &str, parameters: &[(&str, &str)]) -> Target {
    let mut target = Target::at(url, PAGE.to_owned(), url, url).unwrap();
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let stack = Stack {
        status: "UPDATE_COMPLETE".to_owned(),
        parameters: parameters.collect(),
        outputs: Outputs::default(),
    };
    target.place = Place::Deployed(Deployment::of(stack, &local_config(&target.web, url)));
    target
}

/// A function of that stack.
pub(super) fn function(name: &'static str) -> Function {
    let facts = Facts {
        arn: format!("arn:aws:lambda:us-east-1:123456789012:function:{name}"),
        role: format!("arn:aws:iam::123456789012:role/{name}"),
        log_group: format!("/postern/postern/{name}"),
        hides_errors: false,
        variables: std::collections::BTreeMap::new(),
        has_failed: false,
    };
    Function { name, facts: Ok(facts) }
}
