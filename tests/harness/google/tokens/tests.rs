//! How long tokens live, and what ends them.

use super::*;

const CLIENT: &str = "client";
const ANN: &str = "ann";

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_000_000).plus(Duration::from_secs(seconds))
}

fn issue(tokens: &mut Tokens) -> String {
    tokens.issue_refresh(CLIENT, ANN, &["openid".to_owned()], at(0))
}

fn refused(tokens: &mut Tokens, value: &str, rotation: Rotation, now: Timestamp) -> Option<Refused> {
    tokens.use_refresh(value, CLIENT, rotation, now).err()
}

#[test]
fn values_look_like_googles() {
    let mut tokens = Tokens::default();
    assert!(issue(&mut tokens).starts_with("1//0"));
    let access = AccessToken {
        client_id: CLIENT.into(),
        sub: ANN.into(),
        scopes: Vec::new(),
        offline: true,
        expires_at: at(10),
    };
    let value = tokens.issue_access(access);
    assert!(value.starts_with("ya29."));
    assert!(tokens.live_access(&value, at(9)).is_some());
    assert!(tokens.live_access(&value, at(10)).is_none());
}

#[test]
fn the_hundred_and_first_refresh_token_ends_the_first() {
    let mut tokens = Tokens::default();
    let first = issue(&mut tokens);
    let second = issue(&mut tokens);
    for _ in 2..MOST_REFRESH_TOKENS {
        issue(&mut tokens);
    }
    assert_eq!(refused(&mut tokens, &first, Rotation::Off, at(1)), None);
    tokens.issue_refresh("other client", ANN, &[], at(1));
    assert_eq!(refused(&mut tokens, &first, Rotation::Off, at(1)), None);
    issue(&mut tokens);
    assert_eq!(refused(&mut tokens, &first, Rotation::Off, at(1)), Some(Refused::ExpiredOrRevoked));
    assert_eq!(refused(&mut tokens, &second, Rotation::Off, at(1)), None);
}

#[test]
fn rotation_without_reuse_detection_leaves_the_old_token_or_refuses_it() {
    for (rotation, expected) in
        [(Rotation::OldStillWorks, None), (Rotation::OldDies, Some(Refused::ExpiredOrRevoked))]
    {
        let mut tokens = Tokens::default();
        let old = issue(&mut tokens);
        let used = tokens.use_refresh(&old, CLIENT, rotation, at(1)).expect("a live token");
        let new = tokens.rotate(&used, at(1));
        assert_eq!(refused(&mut tokens, &old, rotation, at(2)), expected);
        assert_eq!(refused(&mut tokens, &new, rotation, at(2)), None);
    }
}

#[test]
fn reuse_of_a_rotated_token_ends_its_family_and_no_other() {
    let mut tokens = Tokens::default();
    let (old, stranger) = (issue(&mut tokens), issue(&mut tokens));
    let rotation = Rotation::ReuseEndsFamily;
    let used = tokens.use_refresh(&old, CLIENT, rotation, at(1)).expect("a live token");
    let new = tokens.rotate(&used, at(1));
    assert_eq!(refused(&mut tokens, &new, rotation, at(2)), None);
    assert_eq!(refused(&mut tokens, &old, rotation, at(2)), Some(Refused::ExpiredOrRevoked));
    assert_eq!(refused(&mut tokens, &new, rotation, at(2)), Some(Refused::ExpiredOrRevoked));
    assert_eq!(refused(&mut tokens, &stranger, rotation, at(2)), None);
}

#[test]
fn a_refresh_token_dies_of_age_and_of_rest() {
    let mut tokens = Tokens::default();
    let value = issue(&mut tokens);
    let week = Duration::from_hours(7 * 24);
    let month = Duration::from_hours(30 * 24);
    assert_eq!(refused(&mut tokens, &value, Rotation::Off, at(0).plus(month)), None);
    tokens.refresh_lifetime = Some(week);
    assert_eq!(
        refused(&mut tokens, &value, Rotation::Off, at(0).plus(week)),
        Some(Refused::ExpiredOrRevoked)
    );
    tokens.refresh_lifetime = None;
    let rested = issue(&mut tokens);
    assert_eq!(
        refused(&mut tokens, &rested, Rotation::Off, at(0).plus(LONGEST_REST)),
        Some(Refused::ExpiredOrRevoked)
    );
}

#[test]
fn a_token_of_another_client_or_of_nobody_is_refused() {
    let mut tokens = Tokens::default();
    let value = issue(&mut tokens);
    let error = tokens.use_refresh(&value, "other", Rotation::Off, at(1)).err();
    assert_eq!(error, Some(Refused::OtherClient));
    assert_eq!(refused(&mut tokens, "1//0nothing", Rotation::Off, at(1)), Some(Refused::Unknown));
}
