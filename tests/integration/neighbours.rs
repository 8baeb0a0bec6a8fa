//! Pages of other origins on the same site: their requests carry the cookies, but must reveal
//! nothing to them.

use harness::world::{ANN, Call, ORIGIN, World};

const WITHOUT_FETCH_METADATA: [&str; 3] = ["sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"];

fn as_an_old_browser(call: Call) -> Call {
    WITHOUT_FETCH_METADATA.iter().fold(call, |call, name| call.without_header(name))
}

#[tokio::test]
async fn a82_an_unlisted_page_of_the_same_site_does_not_query_the_mailbox() {
    let world = World::signed_in().await;
    let list = world.with_cookies(Call::list("q=invoice"));
    world.forget_calls();
    // A `no-cors` request from a page of a sibling domain: it has the cookies and no `Origin`.
    for site in ["same-site", "cross-site", "", "Same-Origin", "same-origin, none"] {
        let answer = world.send(&list.clone().header("sec-fetch-site", site)).await;
        assert_eq!(answer.problem(), (403, "forbidden_origin"), "{site:?}");
        assert!(answer.cookies.is_empty(), "and begins no flow");
    }
    assert_eq!(world.send(&as_an_old_browser(list.clone())).await.problem(), (403, "csrf_header_missing"));
    world.assert_untouched();
    // The same holds with only a flow cookie.
    let flow = Call::list("").header("sec-fetch-site", "same-site").cookie("__Host-flow-AAAAAA=x");
    assert_eq!(world.send(&flow).await.code(), "forbidden_origin");
}

#[tokio::test]
async fn a82_the_pages_that_may_read_the_mailbox_still_do() {
    let world = World::signed_in().await;
    let list = world.list();
    for call in [
        list.clone().header("sec-fetch-site", "same-origin"),
        list.clone().header("sec-fetch-site", "none"),
        list.clone().header("sec-fetch-site", "same-site").header("origin", ORIGIN),
        as_an_old_browser(list.clone()).header("origin", ORIGIN),
        as_an_old_browser(list).header("x-requested-with", "XmlHttpRequest"),
    ] {
        assert_eq!(world.send(&call).await.status, 200, "{:?}", call.headers);
    }
    // A program with a token and no cookie does not say where it comes from.
    let bearer = format!("Bearer {}", world.jar["__Host-session"]);
    let program = as_an_old_browser(Call::list("")).header("authorization", &bearer);
    assert_eq!(world.send(&program).await.status, 200);
    assert_eq!(world.send(&program.header("sec-fetch-site", "same-site")).await.status, 200);
}

#[tokio::test]
async fn a82_a_script_of_an_unlisted_page_of_the_same_site_begins_no_sign_in() {
    let world = World::new().await;
    let fetch =
        Call::get("/auth/start", "").header("sec-fetch-dest", "empty").header("sec-fetch-mode", "no-cors");
    let neighbours = fetch.clone().header("sec-fetch-site", "same-site");
    let answer = world.send(&neighbours).await;
    assert_eq!(answer.problem(), (403, "forbidden_origin"));
    assert!(answer.cookies.is_empty());
    for call in [
        neighbours.clone().header("origin", ORIGIN),
        neighbours.header("referer", ORIGIN),
        fetch.header("sec-fetch-site", "same-origin"),
        // The person follows a link on such a page.
        Call::get("/auth/start", "")
            .header("sec-fetch-dest", "document")
            .header("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(world.send(&call).await.status, 302, "{:?}", call.headers);
    }
}

#[tokio::test]
async fn a82_no_page_of_another_origin_may_embed_an_answer() {
    let mut world = World::new().await;
    let started = world.browse(Call::get("/auth/start", "")).await;
    let signed_in = world.sign_in(ANN).await;
    let answers = [
        started,
        signed_in,
        world.messages("").await,
        world.send(&Call::list("")).await,
        world.send(&Call::get("/nowhere", "")).await,
    ];
    for answer in answers {
        assert_eq!(answer.headers["cross-origin-resource-policy"], "same-origin", "{answer:?}");
    }
}
