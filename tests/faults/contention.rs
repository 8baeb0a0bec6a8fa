#[tokio::test]
async fn probe() {
    use harness::world::*;
    use std::time::Instant;
    for account in [ANN, BEN] {
        let mut b = crate::behind::Behind::new().await;
        b.world.sign_in(account).await;
        for q in ["", "maxResults=1"] {
            let t = Instant::now();
            for _ in 0..50 {
                let a = b.world.messages(q).await;
                assert_eq!(a.status, 200);
                b.world.advance(10);
            }
            println!("list {account} {q} {:?}", t.elapsed() / 50);
        }
    }
}
