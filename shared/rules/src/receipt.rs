//! Receipts: what a page hands to its own back end, which learns from it who the page's user is.
//!
//! A receipt is a sealed text that names the user and the front end it was issued to. Nothing of it
//! is stored until it is used: then a row with its SHA-256 is the proof that it was.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::credential::Credential;
use crate::digest::{hex, sha256};
use crate::seal::{Keyring, Purpose};
use crate::secret::SealedReceipt;
use crate::time::Timestamp;
use crate::user::UserId;

/// How long a receipt serves. A page hands it on at once.
pub const LIFETIME: Duration = Duration::from_mins(1);
/// How long the row of a used receipt is kept after that, whatever the clocks say.
const MEMORY: Duration = Duration::from_hours(1);

/// What a receipt says. It opens only with the keyring, so whoever carries it does not read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The user who was signed in.
    pub user: UserId,
    /// The era of the user's credential. The receipt ends with it.
    pub era: Option<String>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The front end whose page it was issued to, one of the allowed origins; `None` for a caller
    /// that named none.
    pub origin: Option<String>,
}

/// A receipt's JSON, inside the seal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    user: String,
    era: Option<String>,
    issued_at: i64,
    origin: Option<String>,
}

impl Receipt {
    /// A receipt for the owner of `credential`, issued now to a page of `origin`.
    pub fn of(credential: &Credential, origin: Option<&str>, now: Timestamp) -> Self {
        Self {
            user: credential.user.clone(),
            era: credential.era.clone(),
            issued_at: now.whole_seconds(),
            origin: origin.map(str::to_owned),
        }
    }

    /// The text for the page. No two are the same: each has a random nonce.
    ///
    /// # Panics
    ///
    /// Never: these members are always JSON, and short.
    pub fn seal(&self, keyring: &Keyring) -> SealedReceipt {
        let wire = Wire {
            user: self.user.as_str().to_owned(),
            era: self.era.clone(),
            issued_at: self.issued_at.seconds(),
            origin: self.origin.clone(),
        };
        let json = serde_json::to_vec(&wire).expect("strings and a number are JSON");
        SealedReceipt::new(keyring.seal(Purpose::Receipt, &[], &json).as_str())
    }

    /// Reads what was inside the seal. `None` if another version of Postern wrote more than this
    /// one understands.
    pub fn parse(opened: &[u8]) -> Option<Self> {
        let Wire { user, era, issued_at, origin } = serde_json::from_slice(opened).ok()?;
        Some(Self { user: UserId::parse(&user)?, era, issued_at: Timestamp::from_seconds(issued_at), origin })
    }

    /// Whether its minute is not over.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.issued_at.plus(LIFETIME)
    }

    /// Whether the user is still connected as when it was issued.
    pub fn belongs_to(&self, credential: &Credential) -> bool {
        credential.is_connected_since(self.era.as_deref(), self.issued_at)
    }

    /// Until when the row of the used receipt is kept.
    pub fn kept_until(&self) -> Timestamp {
        self.issued_at.plus(LIFETIME + MEMORY)
    }
}

/// SHA-256 of a receipt's text in hexadecimal: its row's key. A text has one spelling: the form and
/// the key's name are sealed in, and the encoding has no second one.
pub fn digest(text: &str) -> String {
    hex(&sha256(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credential::Status;
    use crate::credential::tests::credential;
    use crate::secret::Sealed;

    const NOW: Timestamp = Timestamp::from_seconds(1_000_000);
    const PAGE: Option<&str> = Some("https://app.example.com");

    fn keyring() -> Keyring {
        Keyring::parse(r#"{"primary":"k1","k1":"0123456789abcdef0123456789abcdef"}"#).unwrap()
    }

    fn opened(text: &str) -> Option<Receipt> {
        let opened = keyring().open(Purpose::Receipt, &[], &Sealed::from_text(text)).ok()?;
        Receipt::parse(&opened)
    }

    #[test]
    fn a_receipt_opens_as_it_was_issued_and_shows_nothing_to_its_carrier() {
        for (era, origin) in [(Some("era".to_owned()), PAGE), (None, None)] {
            let credential = Credential { era, ..credential() };
            let receipt = Receipt::of(&credential, origin, NOW);
            let text = receipt.seal(&keyring());
            assert_eq!(opened(text.expose()), Some(receipt.clone()));
            assert!(!text.expose().contains("app.example.com"));
            assert_ne!(text.expose(), receipt.seal(&keyring()).expose(), "each is another");
        }
    }

    #[test]
    fn a103_a_receipt_serves_for_a_minute() {
        let receipt = Receipt::of(&credential(), PAGE, NOW);
        assert!(receipt.is_fresh(NOW));
        assert!(receipt.is_fresh(NOW.plus(Duration::from_millis(59_999))));
        assert!(!receipt.is_fresh(NOW.plus(LIFETIME)));
    }

    #[test]
    fn a103_a_receipt_ends_with_the_era_and_with_the_wish_to_disconnect() {
        let receipt = Receipt::of(&credential(), PAGE, NOW);
        assert!(receipt.belongs_to(&credential()));
        // What Google thinks of the grant does not change who the user is.
        assert!(receipt.belongs_to(&Credential { status: Status::Revoked, ..credential() }));
        for credential in [
            Credential { era: Some("another".to_owned()), ..credential() },
            Credential { era: None, ..credential() },
            Credential { status: Status::Disconnecting, ..credential() },
        ] {
            assert!(!receipt.belongs_to(&credential), "{credential:?}");
        }
    }

    #[test]
    fn a104_a_receipt_has_one_spelling() {
        let text = Receipt::of(&credential(), PAGE, NOW).seal(&keyring());
        let text = text.expose();
        let (head, last) = text.split_at(text.len() - 1);
        // Base64 of the same bytes if the unused bits of the last character did not count.
        let others = (b'!'..=b'~').map(|byte| format!("{head}{}", char::from(byte)));
        let padded = ["=", "==", " ", "\n", ".", "\0"].map(|end| format!("{text}{end}"));
        let front = [format!(" {text}"), text.replacen("v1", "v2", 1), text.replacen("v1", "V1", 1)];
        for other in others.filter(|other| !other.ends_with(last)).chain(padded).chain(front) {
            assert_eq!(opened(&other), None, "{other:?}");
        }
    }

    #[test]
    fn b79_what_is_sealed_and_no_receipt_is_none() {
        for inside in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"user":"","era":null,"issued_at":1,"origin":null}"#,
            r#"{"user":"1","era":null,"issued_at":"1","origin":null}"#,
            r#"{"user":"1","user":"2","era":null,"issued_at":1,"origin":null}"#,
            r#"{"user":"1","era":null,"issued_at":1,"origin":null,"more":1}"#,
        ] {
            assert_eq!(Receipt::parse(inside.as_bytes()), None, "{inside}");
        }
    }
}
