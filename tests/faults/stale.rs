//! A process wakes up and its pooled connections are dead. Only the log shows it.

use futures_util::future::join_all;
use harness::google::Endpoint;
use harness::proxy::Proxy;
use harness::world::Call;

use crate::behind::{Behind, LIST};

/// How connections end while a process sleeps.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Closed by the other end: the process can see it before it sends.
    Closed,
    /// Gone without notice: the next bytes are answered by a reset.
    Reset,
}

async fn end_connections(behind: &Behind, end: End) {
    for proxy in [&behind.google, &behind.dynamodb, &behind.secrets] {
        match end {
            End::Closed => proxy.close_connections().await,
            End::Reset => proxy.let_connections_go_stale(),
        }
    }
}

#[tokio::test]
async fn f03_f29_f68_after_all_idle_connections_ended_the_next_list_succeeds() {
    for end in [End::Closed, End::Reset] {
        for seconds in [1, 3600] {
            let behind = Behind::signed_in().await;
            // As many at once as a process never has, so that the pools are as full as they get.
            let lists = join_all((0..6).map(|_| behind.world.messages(LIST))).await;
            assert!(lists.iter().all(|answer| answer.status == 200), "{lists:?}");
            let connections = [&behind.google, &behind.dynamodb].map(Proxy::connections);
            end_connections(&behind, end).await;
            // After an hour the access token has expired as well, and both secrets are read again.
            behind.world.advance(seconds);
            behind.world.forget_calls();
            let answer = behind.world.messages(LIST).await;
            assert_eq!(answer.status, 200, "{end:?} after {seconds} s: {answer:?}");
            assert_eq!(behind.world.refreshes(), usize::from(seconds == 3600), "{end:?}");
            let others = [&behind.google, &behind.dynamodb].map(Proxy::connections);
            assert!(others.iter().zip(connections).all(|(after, before)| *after > before), "{end:?}");
        }
    }
}

#[tokio::test]
async fn f03_after_all_idle_connections_ended_a_code_is_exchanged_once_on_a_connection_of_its_own() {
    for end in [End::Closed, End::Reset] {
        let mut behind = Behind::expired().await;
        // A refresh leaves a connection to the token endpoint in the pool.
        assert_eq!(behind.world.messages(LIST).await.status, 200);
        let callback: Call = behind.consented().await;
        behind.world.forget_calls();
        end_connections(&behind, end).await;
        let answer = behind.world.send(&callback).await;
        assert!(answer.set_cookie("__Host-session").is_some(), "{end:?}: {answer:?}");
        assert_eq!(behind.world.exchanges(), 1, "{end:?}");
    }
}

#[tokio::test]
async fn f03_a_connection_that_a_code_came_over_is_not_used_again() {
    let mut behind = Behind::new().await;
    let callback = behind.consented().await;
    let before = behind.google.connections();
    behind.world.send(&callback).await;
    assert_eq!(behind.world.google_calls(), [Endpoint::Token]);
    let callback = behind.consented().await;
    behind.world.send(&callback).await;
    assert_eq!(behind.google.connections(), before + 2);
}
