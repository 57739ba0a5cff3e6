//! The inputs and settings of a layer: the same recipe gives the same result, so a result is
//! found by its recipe's digest and not made again. It must never name a time of day.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::store::text::as_text;
use counterfoil_base::digest::Digest;

/// The version of the rules by which this program normalizes and curates. A change of a rule
/// changes it, so that no older result is taken for one of the new rule.
pub const RULES: u32 = 5;

/// The role of the snapshot that bars were drawn from.
pub(crate) const DRAWN_FROM: &str = "snapshot";

/// One file or layer that went in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RecipeInput {
    /// `raw`, `normalized`, `mapping`, `calendar`, `actions`, `acceptance` or `snapshot`.
    pub role: String,
    /// Its digest; for a layer, that of its manifest.
    #[serde(with = "as_text")]
    pub sha256: Digest,
}

/// Inputs and settings of a layer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LayerRecipe {
    /// The inputs, in the sequence in which they count.
    pub inputs: Vec<RecipeInput>,
    /// [`RULES`].
    pub rules: u32,
    /// Every setting that can change the result, by name.
    pub settings: BTreeMap<String, String>,
}

impl LayerRecipe {
    /// The digest of the canonical JSON, under which the result is found.
    pub(crate) fn digest(&self) -> Result<Digest, IngestError> {
        let bytes =
            serde_json_canonicalizer::to_vec(self).map_err(IngestError::encode("recipe"))?;
        Ok(Digest::of(&bytes))
    }

    /// The inputs of one role.
    pub fn inputs_of(&self, role: &str) -> impl Iterator<Item = Digest> {
        let of = move |input: &&RecipeInput| input.role == role;
        self.inputs.iter().filter(of).map(|input| input.sha256)
    }
}
