//! The process dies at any await of the callback or of the refresh. The credential never loses its
//! refresh token, and the user can continue or sign in again.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use harness::google::{Endpoint, Failure, Rotation};
use harness::world::{ANN, Answer, Call, World};

/// More suspensions than any request has.
const MOST_POINTS: usize = 500;

/// Runs a request up to its `polls`-th suspension and then drops it, as if its process died.
/// `None`: it was killed.
async fn killed_after(mut request: Pin<Box<impl Future<Output = Answer>>>, polls: usize) -> Option<Answer> {
    let mut count = 0;
    let outcome = std::future::poll_fn(|context| {
        if count == polls {
            return Poll::Ready(None);
        }
        count += 1;
        request.as_mut().poll(context).map(Some)
    })
    .await;
    drop(request);
    // Calls that were sent still arrive.
    tokio::time::sleep(Duration::from_millis(30)).await;
    outcome
}

#[tokio::test]
async fn f19_f20_f21_killed_anywhere_in_the_callback_the_credential_keeps_a_refresh_token() {
    let (mut points, mut finished) = (0, false);
    for polls in 0..MOST_POINTS {
        let mut world = World::signed_in().await;
        let before = world.kept(ANN);
        world.forget_calls();
        let query = world.consented_again(ANN).await;
        let call = world.callback_of(&query);
        let app = world.environment(&[]);
        let outcome = killed_after(Box::pin(world.send_to(&app, &call)), polls).await;
        let item = world.credential(ANN);
        assert_eq!(item["status"]["S"], "active", "killed at {polls}");
        assert!(item["refresh_token"]["S"].is_string(), "killed at {polls}");
        assert!(world.exchanges() <= 1);
        if world.kept(ANN) == before {
            // The old token still works.
            world.advance(3600);
            assert_eq!(world.messages("").await.status, 200, "killed at {polls}");
        }
        // The person who was interrupted can sign in again.
        world.jar.clear();
        world.sign_in(ANN).await;
        assert_eq!(world.messages("").await.status, 200, "killed at {polls}");
        // The stored refresh token works, whichever it is.
        world.advance(3600);
        assert_eq!(world.messages("").await.status, 200, "killed at {polls}");
        points += 1;
        finished = outcome.is_some();
        if finished {
            break;
        }
    }
    assert!(finished && points > 8, "{points} points are too few to have been the whole callback");
}

#[tokio::test]
async fn f70_f95_killed_anywhere_in_a_batch_whose_token_is_refused_the_credential_works() {
    let (mut points, mut finished) = (0, false);
    for polls in 0..MOST_POINTS {
        let world = World::signed_in().await;
        world.google.fail(Endpoint::MessagesGet, Failure::InvalidCredentials, 1);
        let call = world.with_cookies(Call::list("format=metadata&maxResults=2"));
        let app = world.environment(&[]);
        let outcome = killed_after(Box::pin(world.send_to(&app, &call)), polls).await;
        let item = world.credential(ANN);
        assert_eq!(item["status"]["S"], "active", "killed at {polls}");
        world.google.clear_failures();
        // The lease of the dead process has expired.
        world.advance(10);
        let answer = world.messages("format=metadata&maxResults=2").await;
        assert_eq!(answer.status, 200, "killed at {polls}: {answer:?}");
        assert!(answer.json()["messages"][1]["subject"].is_string(), "killed at {polls}: {answer:?}");
        points += 1;
        finished = outcome.is_some();
        if finished {
            break;
        }
    }
    assert!(finished && points > 6, "{points} points are too few to have been the whole request");
}

#[tokio::test]
async fn f70_killed_anywhere_in_a_refresh_the_credential_works_or_the_user_is_asked_again() {
    for rotation in [Rotation::Off, Rotation::OldStillWorks] {
        let (mut points, mut finished) = (0, false);
        for polls in 0..MOST_POINTS {
            let world = World::signed_in().await;
            world.google.rotate_refresh_tokens(rotation);
            world.advance(3600);
            let call = world.list();
            let app = world.environment(&[]);
            let outcome = killed_after(Box::pin(world.send_to(&app, &call)), polls).await;
            let item = world.credential(ANN);
            assert_eq!(item["status"]["S"], "active", "killed at {polls}");
            assert!(item["refresh_token"]["S"].is_string(), "killed at {polls}");
            // The lease of the dead process has expired.
            world.advance(10);
            let answer = world.messages("").await;
            assert_eq!(answer.status, 200, "killed at {polls}: {answer:?}");
            points += 1;
            finished = outcome.is_some();
            if finished {
                // At one of the points Google had answered and DynamoDB had not.
                assert!(world.logged("refreshed_token_dropped"), "the loss is logged");
                break;
            }
        }
        assert!(finished && points > 6, "{points} points are too few to have been the whole refresh");
    }
}
