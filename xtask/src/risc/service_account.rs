//! The key file of a Google service account, and the token that it signs. Nothing of the key
//! reaches the terminal or an error.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use postern_rules::time::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// Who may accept the token.
const AUDIENCE: &str = "https://risc.googleapis.com/google.identity.risc.v1beta.RiscManagementService";
/// Google takes no other, in seconds.
const LIFETIME: i64 = 3600;

/// A service account that can sign.
pub(super) struct ServiceAccount {
    email: String,
    key_id: String,
    key: RsaKeyPair,
}

#[derive(Deserialize)]
struct Wire {
    r#type: String,
    client_email: String,
    private_key_id: String,
    private_key: Zeroizing<String>,
}

impl ServiceAccount {
    /// Reads the JSON file that Google's console gives for a key.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let unreadable = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
        let text = Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?);
        Self::parse(&text).ok_or_else(|| {
            format!(
                "{} is not the JSON key of a service account, as Google's console gives it",
                path.display()
            )
        })
    }

    /// `None` instead of an error: serde's may quote the file.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let wire: Wire = serde_json::from_str(text).ok()?;
        let pem = wire.private_key.lines().filter(|line| !line.starts_with("-----"));
        let encoded = Zeroizing::new(pem.map(str::trim).collect::<String>());
        let der = Zeroizing::new(STANDARD.decode(encoded.as_bytes()).ok()?);
        let key = RsaKeyPair::from_pkcs8(&der).ok().filter(|_| wire.r#type == "service_account")?;
        Some(Self { email: wire.client_email, key_id: wire.private_key_id, key })
    }

    /// The token of a call at `now`.
    #[expect(clippy::disallowed_methods, reason = "ring takes its own source of randomness")]
    pub(super) fn token(&self, now: Timestamp) -> Result<Zeroizing<String>, String> {
        let now = now.seconds();
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let header = encode(&json!({"alg": "RS256", "typ": "JWT", "kid": self.key_id}));
        let claims = json!({
            "iss": self.email, "sub": self.email, "aud": AUDIENCE, "iat": now, "exp": now + LIFETIME,
        });
        let signed = format!("{header}.{}", encode(&claims));
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| "the key of the service account does not sign".to_owned())?;
        Ok(Zeroizing::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))))
    }
}
