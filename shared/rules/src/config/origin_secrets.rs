//! What a proxy in front of this API proves itself with. Holds the hashes of its secrets: whoever
//! reads the configuration cannot send a header that is admitted.

use subtle::{Choice, ConstantTimeEq};

use crate::digest::sha256;

/// The secret in use, and during a rotation the next one.
const MOST: usize = 2;

/// The SHA-256 of each secret, one of which every request must carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginSecrets(Vec<[u8; 32]>);

impl OriginSecrets {
    /// Parses one hash, or two with a comma between them, in lower-case hexadecimal digits.
    pub fn parse(list: &str) -> Option<Self> {
        let hashes: Vec<[u8; 32]> = list.split(',').map(|hash| bytes(hash.trim())).collect::<Option<_>>()?;
        (hashes.len() <= MOST).then_some(Self(hashes))
    }

    /// Whether `sent` is one of the secrets. Takes the same time for each value of a length.
    pub fn admit(&self, sent: &str) -> bool {
        let sent = sha256(sent.as_bytes());
        let found = self.0.iter().fold(Choice::from(0), |found, known| found | known.ct_eq(&sent));
        found.into()
    }
}

fn bytes(digits: &str) -> Option<[u8; 32]> {
    let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    if digits.len() != 64 || !digits.bytes().all(is_digit) {
        return None;
    }
    let mut bytes = [0; 32];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of "abc" (FIPS 180-2 appendix B.1).
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    /// SHA-256 of "".
    const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn each_of_the_secrets_is_admitted_and_nothing_else() {
        let two = OriginSecrets::parse(&format!("{NOTHING}, {ABC}")).unwrap();
        assert!(two.admit("abc") && two.admit(""));
        let one = OriginSecrets::parse(ABC).unwrap();
        assert!(one.admit("abc"));
        for other in ["", "ab", "abcd", "ABC", "abc,abc", ABC] {
            assert!(!one.admit(other), "{other}");
        }
    }

    #[test]
    fn only_whole_hashes_are_taken_and_two_at_most() {
        for bad in [
            "abc".to_owned(),
            ABC.to_uppercase(),
            ABC[1..].to_owned(),
            format!("{ABC},"),
            format!("{ABC} {ABC}"),
            format!("+{}", &ABC[1..]),
            format!("{ABC},{ABC},{NOTHING}"),
            "é".repeat(32),
        ] {
            assert_eq!(OriginSecrets::parse(&bad), None, "{bad}");
        }
    }
}
