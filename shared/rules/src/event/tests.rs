//! Which write makes which event.

use super::*;

const AT: Timestamp = Timestamp::from_seconds(1_000_000);

fn image() -> Image {
    Image {
        user: UserId::parse("110").unwrap(),
        email: Email::for_display("ann@example.com"),
        client_id: "client".to_owned(),
        scopes: Scopes::parse("openid email"),
        status: Status::Active,
        is_asked_to_sign_in: false,
        grant_expires_at: None,
        end_noticed_for: None,
        connected_at: Timestamp::from_seconds(5),
        era: Some("era".to_owned()),
        version: 7,
    }
}

fn with(change: impl FnOnce(&mut Image)) -> Image {
    let mut image = image();
    change(&mut image);
    image
}

fn lasting_until(seconds: i64) -> Image {
    with(|image| image.grant_expires_at = Some(Timestamp::from_seconds(seconds)))
}

fn event(before: Option<&Image>, after: Option<&Image>) -> Option<(Kind, Option<Reason>)> {
    Event::between(before, after, AT).map(|event| (event.kind, event.reason))
}

#[test]
fn each_change_of_standing_has_its_event() {
    let active = image();
    let revoked = with(|image| image.status = Status::Revoked);
    let leaving = with(|image| image.status = Status::Disconnecting);
    let asked = with(|image| image.is_asked_to_sign_in = true);
    let standings = [None, Some(&active), Some(&revoked), Some(&leaving), Some(&asked)];
    let mut found = Vec::new();
    for before in standings {
        for after in standings {
            found.push(event(before, after));
        }
    }
    let (connected, reconnected) = (Some((Kind::Connected, None)), Some((Kind::Reconnected, None)));
    let gone = Some((Kind::Disconnected, None));
    let dead = Some((Kind::Lapsed, Some(Reason::RevokedOrExpired)));
    let policy = Some((Kind::Lapsed, Some(Reason::ReauthPolicy)));
    #[rustfmt::skip]
    let expected = [
        // none, active, revoked, disconnecting, asked to sign in: after
        None, connected, None, None, None,         // before: none
        gone, None, dead, gone, policy,            // active
        gone, reconnected, None, gone, policy,   // revoked
        None, connected, None, None, None,         // disconnecting
        gone, reconnected, dead, gone, None,       // asked to sign in
    ];
    assert_eq!(found, expected);
}

#[test]
fn of_several_changes_in_one_write_the_most_significant_counts() {
    let before = with(|image| image.status = Status::Revoked);
    let after = with(|image| image.scopes = Scopes::parse("openid"));
    assert_eq!(event(Some(&before), Some(&after)), Some((Kind::Reconnected, None)));
    let noticed = with(|image| {
        image.end_noticed_for = Some("a".to_owned());
        image.client_id = "other".to_owned();
    });
    assert_eq!(event(Some(&image()), Some(&noticed)), Some((Kind::ScopesChanged, None)));
}

#[test]
fn an_end_is_told_once_for_each_refresh_token() {
    let noticed = |id: &str| with(|image| image.end_noticed_for = Some(id.to_owned()));
    assert_eq!(event(Some(&image()), Some(&noticed("a"))), Some((Kind::GrantEndsSoon, None)));
    assert_eq!(event(Some(&noticed("a")), Some(&noticed("b"))), Some((Kind::GrantEndsSoon, None)));
    assert_eq!(event(Some(&noticed("a")), Some(&noticed("a"))), None);
    assert_eq!(event(Some(&noticed("a")), Some(&image())), None);
}

#[test]
fn a_grant_that_has_ended_by_itself_is_reconnected_by_a_new_consent() {
    let (ended, new) = (lasting_until(1_000_000), lasting_until(1_000_001));
    assert_eq!(event(Some(&ended), Some(&new)), Some((Kind::Reconnected, None)));
    // No news: it was over before this write.
    assert_eq!(event(Some(&ended), Some(&ended)), None);
    assert_eq!(event(Some(&new), Some(&lasting_until(2_000_000))), None);
}

#[test]
fn a_write_that_changes_nothing_of_the_connection_is_no_event() {
    let later = with(|image| {
        image.version = 8;
        image.era = Some("another".to_owned());
        image.email = None;
    });
    assert_eq!(event(Some(&image()), Some(&later)), None);
    assert_eq!(event(None, None), None);
}

#[test]
fn a_deletion_is_the_write_after_the_last_one_and_happens_when_it_is_made() {
    let at = Timestamp::from_seconds(2_000_000);
    let event = Event::between(Some(&image()), None, at).unwrap();
    let detail: serde_json::Value = serde_json::from_str(&event.detail("pseudonym", false)).unwrap();
    assert_eq!((&detail["version"], &detail["at"]), (&8.into(), &2_000_000.into()));
    assert_eq!(detail["status"], "disconnected");
}

#[test]
fn a108_a_detail_has_the_address_only_where_that_is_wanted() {
    let event = Event::between(None, Some(&image()), AT).unwrap();
    assert!(!event.detail("p", false).contains('@'));
    assert!(event.detail("p", true).contains("\"email\":\"ann@example.com\""));
}

#[test]
fn f104_the_id_is_of_the_user_the_era_and_the_version() {
    let id = |image: &Image| Event::between(None, Some(image), AT).unwrap().id("p");
    // The first digits of SHA-256("era").
    assert_eq!(id(&image()), "p-49eaab7e-7");
    assert_eq!(id(&with(|image| image.email = None)), id(&image()));
    assert_ne!(id(&with(|image| image.era = Some("other".to_owned()))), id(&image()));
    assert_ne!(id(&with(|image| image.version = 8)), id(&image()));
}
