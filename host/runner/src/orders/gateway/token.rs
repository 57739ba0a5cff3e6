//! A token as bytes with a signature: the only form that a gateway accepts.

use counterfoil_journal::key::VerifierKey;
use counterfoil_journal::note::Note;
use counterfoil_journal::signer::{SignError, Signer};
use counterfoil_trading::gateway::{OrderAuthorization, TokenRefusal};

/// The first line of the signed text, so that no other signature of the key can be one of a token.
const PREFIX: &str = "counterfoil-token/1";

/// An authorization, signed by the runner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignedToken {
    /// The authorization in its canonical form.
    pub bytes: Vec<u8>,
    /// The signed note over its digest.
    pub note: String,
}

impl SignedToken {
    /// Signs an authorization under a log's name.
    ///
    /// # Errors
    ///
    /// Returns [`SignError`] if the signer fails.
    pub fn sign(
        token: &OrderAuthorization,
        origin: &str,
        signer: &dyn Signer,
    ) -> Result<Self, SignError> {
        let mut bytes = Vec::new();
        token.encode(&mut bytes);
        let note = Note::sign(&text(token), origin, signer)?.to_string();
        Ok(Self { bytes, note })
    }

    /// The authorization, if the key signed it.
    ///
    /// # Errors
    ///
    /// Returns [`TokenRefusal::Altered`] if the bytes are not a token, or bytes and signature do not
    /// match.
    pub fn open(&self, key: &VerifierKey) -> Result<OrderAuthorization, TokenRefusal> {
        let token = OrderAuthorization::decode(&self.bytes).map_err(|_| TokenRefusal::Altered)?;
        let note = Note::parse(self.note.as_bytes()).map_err(|_| TokenRefusal::Altered)?;
        let signed = note.verify(core::slice::from_ref(key));
        // The text is rebuilt from the bytes: a valid signature over another token must not carry
        // these bytes through.
        if signed.is_err() || note.text() != text(&token) {
            return Err(TokenRefusal::Altered);
        }
        Ok(token)
    }
}

fn text(token: &OrderAuthorization) -> String {
    format!("{PREFIX}\n{}\n", token.digest().hex())
}
