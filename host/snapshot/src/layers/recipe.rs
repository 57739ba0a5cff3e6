//! What a layer was made from, and how: the same recipe gives the same result, so a result is
//! found by its recipe's digest and not made again. It must never name a time of day.

use std::collections::BTreeMap;
use std::io::Read as _;

use cap_std::fs::Dir;
use serde::{Deserialize, Serialize};

use crate::error::IngestError;
use crate::spool::staging::write_whole;
use crate::store::text::as_text;
use counterfoil_base::digest::Digest;

/// From a recipe's digest to its result. All of it can be removed: a result that is not found is
/// made again, and comes out the same.
const RECIPES: &str = "recipes";

/// The version of the rules by which this program normalizes and curates. A change of a rule
/// changes it, so that no older result is taken for one of the new rule.
pub const RULES: u32 = 1;

/// One file or layer that went in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// `raw`, `normalized`, `mapping`, `calendar`, `actions`, `acceptance` or `snapshot`.
    pub role: String,
    /// Its digest; for a layer, that of its manifest.
    #[serde(with = "as_text")]
    pub sha256: Digest,
}

/// Inputs and settings of a layer.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What went in, in the sequence in which it counts.
    pub inputs: Vec<Input>,
    /// [`RULES`].
    pub rules: u32,
    /// Every setting that can change the result, by name.
    pub settings: BTreeMap<String, String>,
}

impl Recipe {
    /// The digest of the canonical JSON, under which the result is found.
    pub(crate) fn digest(&self) -> Result<Digest, IngestError> {
        let bytes =
            serde_json_canonicalizer::to_vec(self).map_err(IngestError::encode("recipe"))?;
        Ok(Digest::of(&bytes))
    }

    /// The inputs of one role.
    pub fn inputs_of(&self, role: &str) -> impl Iterator<Item = Digest> {
        let of = move |input: &&Input| input.role == role;
        self.inputs.iter().filter(of).map(|input| input.sha256)
    }
}

/// The result noted for a recipe, if any. Whoever takes it checks that it holds.
pub(crate) fn find(
    data: &Dir,
    layer: &str,
    recipe: &Recipe,
) -> Result<Option<Digest>, IngestError> {
    let name = format!("{RECIPES}/{layer}-{}", recipe.digest()?.hex());
    let mut text = String::new();
    let read = data
        .open(&name)
        .and_then(|file| file.take(128).read_to_string(&mut text));
    // A note that is not there, or not whole, costs the work again and nothing else.
    Ok(read.ok().and_then(|_| text.trim().parse().ok()))
}

/// Notes the result of a recipe.
pub(crate) fn note(
    data: &Dir,
    layer: &str,
    recipe: &Recipe,
    result: &Digest,
) -> Result<(), IngestError> {
    data.create_dir_all(RECIPES)
        .map_err(IngestError::write(RECIPES))?;
    let dir = data
        .open_dir(RECIPES)
        .map_err(IngestError::write(RECIPES))?;
    let name = format!("{layer}-{}", recipe.digest()?.hex());
    write_whole(&dir, &name, result.to_string().as_bytes()).map_err(IngestError::write(&name))
}
