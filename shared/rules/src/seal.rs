//! Authenticated encryption: AES-256-GCM with key IDs, associated data and a subkey per purpose.
//!
//! A sealed text is `<form>.<key id>.<base64url of nonce, ciphertext and tag>`. The associated data
//! binds it to its purpose, key and place: moved elsewhere, it does not open. The form names the
//! layout of the associated data: tokens at rest are written as `v2` and read as `v1` or `v2`;
//! everything else is `v1`.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::{hkdf, hmac};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::digest::hex;
use crate::random;
use crate::secret::Sealed;
use crate::user::UserId;

/// In characters.
const LEAST_KEY_LENGTH: usize = 32;

/// What a text is sealed for. Each purpose has its own subkey: texts are not interchangeable (A08).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The flow cookie.
    Flow,
    /// A receipt.
    Receipt,
    /// The user ID in a session token.
    Session,
    /// A token at rest.
    Token,
}

impl Purpose {
    const fn label(self) -> &'static str {
        match self {
            Self::Flow => "postern/v1/flow",
            Self::Receipt => "postern/v1/receipt",
            Self::Session => "postern/v1/session",
            Self::Token => "postern/v1/token",
        }
    }

    /// The form of newly sealed texts.
    const fn form(self) -> &'static str {
        match self {
            Self::Flow | Self::Receipt | Self::Session => "v1",
            Self::Token => "v2",
        }
    }

    fn opens(self, form: &str) -> bool {
        form == self.form() || (self == Self::Token && form == "v1")
    }
}

/// Why a sealed text did not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// This keyring does not have the key; a newer one may.
    #[error("the text is sealed with a key that the keyring does not hold")]
    UnknownKey,
    /// The text is not ours, was altered, or was sealed for another place.
    #[error("the sealed text does not open here")]
    Broken,
}

/// Why a keyring is unusable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyringError {
    /// It is not a JSON object of strings.
    #[error("the keyring is not a JSON object of strings")]
    NotAnObject,
    /// `primary` is missing or names no key.
    #[error("the keyring's \"primary\" names no key in it")]
    NoPrimary,
    /// A key has fewer than 32 characters.
    #[error("a key of the keyring has fewer than 32 characters")]
    ShortKey,
    /// A key ID is not 1 to 32 letters, digits, `-` or `_`.
    #[error("a key id of the keyring is not 1 to 32 letters, digits, '-' or '_'")]
    BadKeyId,
}

struct Subkeys {
    flow: LessSafeKey,
    receipt: LessSafeKey,
    session: LessSafeKey,
    token: LessSafeKey,
    pseudonym: hmac::Key,
    ended: hmac::Key,
}

/// The sealing keys. The primary seals; any of them opens.
pub struct Keyring {
    primary: String,
    keys: BTreeMap<String, Subkeys>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keyring").field("primary", &self.primary).finish_non_exhaustive()
    }
}

impl Keyring {
    /// Parses `{"primary":"k1","k1":"<at least 32 characters>", ...}` and derives one subkey per
    /// purpose from each key with HKDF-SHA256 (RFC 5869).
    pub fn parse(text: &str) -> Result<Self, KeyringError> {
        #[derive(Deserialize)]
        struct Wire {
            primary: Option<String>,
            #[serde(flatten)]
            keys: BTreeMap<String, Zeroizing<String>>,
        }
        let wire: Wire = serde_json::from_str(text).map_err(|_| KeyringError::NotAnObject)?;
        let primary = wire.primary.ok_or(KeyringError::NoPrimary)?;
        let mut keys = BTreeMap::new();
        for (id, material) in wire.keys {
            let characters_fit = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
            if !(1..=32).contains(&id.len()) || !characters_fit {
                return Err(KeyringError::BadKeyId);
            }
            if material.chars().count() < LEAST_KEY_LENGTH {
                return Err(KeyringError::ShortKey);
            }
            keys.insert(id, Subkeys::derive(material.as_bytes()));
        }
        if keys.contains_key(&primary) { Ok(Self { primary, keys }) } else { Err(KeyringError::NoPrimary) }
    }

    /// Seals `plaintext` for `purpose` at `place` with the primary key.
    ///
    /// # Panics
    ///
    /// Only for texts beyond AES-GCM's limit (64 GiB).
    pub fn seal(&self, purpose: Purpose, place: &[&str], plaintext: &[u8]) -> Sealed {
        let nonce = random::bytes::<NONCE_LEN>();
        let mut sealed = Vec::with_capacity(NONCE_LEN + plaintext.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(plaintext);
        let associated = associated_data(purpose, purpose.form(), &self.primary, place);
        self.keys[&self.primary]
            .of(purpose)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(associated), &mut sealed)
            .expect("the text is shorter than 64 GiB");
        sealed.splice(0..0, nonce);
        Sealed::from_text(format!("{}.{}.{}", purpose.form(), self.primary, URL_SAFE_NO_PAD.encode(sealed)))
    }

    /// Opens a text that was sealed for the same purpose and place, with the key it names.
    pub fn open(
        &self,
        purpose: Purpose,
        place: &[&str],
        sealed: &Sealed,
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let (form, id, body) = split(sealed).ok_or(OpenError::Broken)?;
        if !purpose.opens(form) {
            return Err(OpenError::Broken);
        }
        let subkeys = self.keys.get(id).ok_or(OpenError::UnknownKey)?;
        let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(body).map_err(|_| OpenError::Broken)?);
        if bytes.len() < NONCE_LEN {
            return Err(OpenError::Broken);
        }
        let (nonce, text) = bytes.split_at_mut(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| OpenError::Broken)?;
        let associated = associated_data(purpose, form, id, place);
        let opened = subkeys
            .of(purpose)
            .open_in_place(nonce, Aad::from(associated), text)
            .map_err(|_| OpenError::Broken)?;
        Ok(Zeroizing::new(opened.to_vec()))
    }

    /// Whether the text uses another key or form than new texts.
    pub fn should_be_resealed(&self, purpose: Purpose, sealed: &Sealed) -> bool {
        split(sealed).is_none_or(|(form, id, _)| form != purpose.form() || id != self.primary)
    }

    /// A stable pseudonym for logs: 16 hexadecimal digits of an HMAC of the user ID.
    pub fn pseudonym(&self, user: &UserId) -> String {
        let tag = hmac::sign(&self.keys[&self.primary].pseudonym, user.as_str().as_bytes());
        hex(&tag.as_ref()[..8])
    }

    /// The name under which it is remembered that a connection of `user` has ended: 32 hexadecimal
    /// digits of an HMAC of the user ID. It names nobody to whom the keyring is not known.
    pub fn ended_mark(&self, user: &UserId) -> String {
        self.keys[&self.primary].ended_mark(user)
    }

    /// The same with every key: any of them may have been the primary when the connection ended.
    pub fn ended_marks(&self, user: &UserId) -> Vec<String> {
        self.keys.values().map(|key| key.ended_mark(user)).collect()
    }

    /// The ID of the key that seals.
    pub fn primary(&self) -> &str {
        &self.primary
    }

    /// The IDs of all keys, in alphabetical order.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }
}

impl Subkeys {
    fn derive(material: &[u8]) -> Self {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"postern").extract(material);
        let subkey = |label: &str| {
            let mut key = Zeroizing::new([0; 32]);
            extracted
                .expand(&[label.as_bytes()], hkdf::HKDF_SHA256)
                .and_then(|output| output.fill(key.as_mut_slice()))
                .expect("32 bytes are what HKDF-SHA256 gives at once");
            key
        };
        let aead = |purpose: Purpose| {
            let key = UnboundKey::new(&AES_256_GCM, subkey(purpose.label()).as_slice());
            LessSafeKey::new(key.expect("AES-256-GCM takes 32 bytes"))
        };
        Self {
            flow: aead(Purpose::Flow),
            receipt: aead(Purpose::Receipt),
            session: aead(Purpose::Session),
            token: aead(Purpose::Token),
            pseudonym: hmac::Key::new(hmac::HMAC_SHA256, subkey("postern/v1/pseudonym").as_slice()),
            ended: hmac::Key::new(hmac::HMAC_SHA256, subkey("postern/v1/ended").as_slice()),
        }
    }

    fn ended_mark(&self, user: &UserId) -> String {
        hex(&hmac::sign(&self.ended, user.as_str().as_bytes()).as_ref()[..16])
    }

    const fn of(&self, purpose: Purpose) -> &LessSafeKey {
        match purpose {
            Purpose::Flow => &self.flow,
            Purpose::Receipt => &self.receipt,
            Purpose::Session => &self.session,
            Purpose::Token => &self.token,
        }
    }
}

/// The key ID in a sealed text, not authenticated.
pub fn key_id(sealed: &Sealed) -> &str {
    split(sealed).map_or("", |(_, id, _)| id)
}

fn split(sealed: &Sealed) -> Option<(&str, &str, &str)> {
    let (form, rest) = sealed.as_str().split_once('.')?;
    let (id, body) = rest.split_once('.')?;
    Some((form, id, body))
}

/// Length-prefixes each part, so that different lists never give the same bytes. Forms after `v1`
/// are a part too, so that a text cannot pass as another form.
fn associated_data(purpose: Purpose, form: &str, key_id: &str, place: &[&str]) -> Vec<u8> {
    let later_form = (form != "v1").then_some(form);
    let parts = [purpose.label(), key_id].into_iter().chain(later_form).chain(place.iter().copied());
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"{"primary":"k1","k1":"0123456789abcdef0123456789abcdef"}"#;
    const TWO: &str =
        r#"{"primary":"k2","k1":"0123456789abcdef0123456789abcdef","k2":"fedcba9876543210fedcba9876543210"}"#;

    fn keyring(text: &str) -> Keyring {
        Keyring::parse(text).unwrap()
    }

    #[test]
    fn a39_a_sealed_text_opens_for_no_other_user_attribute_or_table() {
        let keyring = keyring(ONE);
        let place = ["credentials", "1", "refresh_token"];
        let sealed = keyring.seal(Purpose::Token, &place, b"1//token");
        assert!(!sealed.as_str().contains("token"));
        assert_eq!(keyring.open(Purpose::Token, &place, &sealed).unwrap().as_slice(), b"1//token");
        for place in [
            ["credentials", "2", "refresh_token"],
            ["credentials", "1", "access_token"],
            ["other", "1", "refresh_token"],
            ["credentials1", "", "refresh_token"],
        ] {
            assert_eq!(keyring.open(Purpose::Token, &place, &sealed), Err(OpenError::Broken));
        }
    }

    #[test]
    fn a_text_of_another_form_does_not_open() {
        let keyring = keyring(ONE);
        let sealed = keyring.seal(Purpose::Token, &["a"], b"text");
        for form in ["v0", "v3", "", "V2"] {
            let other = Sealed::from_text(format!("{form}{}", &sealed.as_str()[2..]));
            assert_eq!(keyring.open(Purpose::Token, &["a"], &other), Err(OpenError::Broken), "{form}");
        }
        let flow = keyring.seal(Purpose::Flow, &["a"], b"text");
        let other = Sealed::from_text(flow.as_str().replacen("v1", "v2", 1));
        assert_eq!(keyring.open(Purpose::Flow, &["a"], &other), Err(OpenError::Broken));
    }

    #[test]
    fn a08_a_text_sealed_for_one_purpose_opens_for_no_other() {
        let keyring = keyring(ONE);
        let purposes = [Purpose::Flow, Purpose::Receipt, Purpose::Session, Purpose::Token];
        for purpose in purposes {
            let sealed = keyring.seal(purpose, &[], b"text");
            for other in purposes.into_iter().filter(|other| *other != purpose) {
                assert_eq!(
                    keyring.open(other, &[], &sealed),
                    Err(OpenError::Broken),
                    "{purpose:?} {other:?}"
                );
            }
        }
    }

    #[test]
    fn a07_an_altered_text_does_not_open() {
        let keyring = keyring(ONE);
        let sealed = keyring.seal(Purpose::Flow, &[], b"text");
        for index in 0..sealed.as_str().len() {
            let mut bytes = sealed.as_str().as_bytes().to_vec();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let altered = Sealed::from_text(String::from_utf8(bytes).unwrap());
            assert!(keyring.open(Purpose::Flow, &[], &altered).is_err(), "byte {index}");
        }
        for length in 0..sealed.as_str().len() {
            let cut = Sealed::from_text(&sealed.as_str()[..length]);
            assert!(keyring.open(Purpose::Flow, &[], &cut).is_err(), "length {length}");
        }
    }

    #[test]
    fn a_rotated_keyring_opens_what_the_old_key_sealed_and_seals_with_the_new() {
        let old = keyring(ONE).seal(Purpose::Token, &["a"], b"text");
        let rotated = keyring(TWO);
        assert_eq!(rotated.open(Purpose::Token, &["a"], &old).unwrap().as_slice(), b"text");
        assert!(rotated.should_be_resealed(Purpose::Token, &old));
        let new = rotated.seal(Purpose::Token, &["a"], b"text");
        assert!(!rotated.should_be_resealed(Purpose::Token, &new));
        assert_eq!(keyring(ONE).open(Purpose::Token, &["a"], &new), Err(OpenError::UnknownKey));
    }

    #[test]
    fn f64_a_keyring_that_is_not_safe_to_use_is_refused() {
        for (text, error) in [
            ("", KeyringError::NotAnObject),
            ("[]", KeyringError::NotAnObject),
            (r#"{"primary":"k1"}"#, KeyringError::NoPrimary),
            (r#"{"k1":"0123456789abcdef0123456789abcdef"}"#, KeyringError::NoPrimary),
            (r#"{"primary":"k1","k1":"short"}"#, KeyringError::ShortKey),
            (r#"{"primary":"k.","k.":"0123456789abcdef0123456789abcdef"}"#, KeyringError::BadKeyId),
        ] {
            assert_eq!(Keyring::parse(text).err(), Some(error), "{text}");
        }
    }

    #[test]
    fn a_pseudonym_is_stable_and_is_not_the_user_id() {
        let user = UserId::parse("110169484474386276334").unwrap();
        assert_eq!(keyring(ONE).pseudonym(&user), keyring(ONE).pseudonym(&user));
        assert_eq!(keyring(ONE).pseudonym(&user).len(), 16);
        assert_ne!(keyring(ONE).pseudonym(&user), keyring(TWO).pseudonym(&user));
    }

    #[test]
    fn the_mark_of_an_end_is_found_after_a_rotation_and_is_neither_the_user_id_nor_the_pseudonym() {
        let user = UserId::parse("110169484474386276334").unwrap();
        let mark = keyring(ONE).ended_mark(&user);
        assert_eq!(mark.len(), 32);
        assert!(!mark.contains(&keyring(ONE).pseudonym(&user)));
        let rotated = keyring(TWO);
        assert_ne!(rotated.ended_mark(&user), mark);
        assert_eq!(rotated.ended_marks(&user), [mark, rotated.ended_mark(&user)]);
        let other = UserId::parse("110169484474386276335").unwrap();
        assert_ne!(rotated.ended_mark(&other), rotated.ended_mark(&user));
    }
}
