//! A layer's entry from temporary files to its name, and from a recipe to the entry it gave
//! before. It must never know what a manifest holds.

use std::io::Read as _;

use cap_std::fs::Dir;
use counterfoil_base::digest::Digest;

use crate::error::IngestError;
use crate::layout::{DataLayer, MANIFEST, RECIPES};
use crate::spool::staging::{StagingDir, write_whole};
use crate::store::load::load;
use crate::store::manifest::LayerManifest;
use crate::store::recipe::LayerRecipe;

/// An entry of a layer under its name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PublishedLayer {
    /// The digest of its manifest.
    pub(crate) id: Digest,
    /// Whether it is new; otherwise an entry of the same name was there before, which the caller
    /// checks.
    pub(crate) is_new: bool,
}

/// Bytes of a recipe's note: a digest as text.
const NOTE_BYTES_MAX: u64 = 128;

/// Writes the manifest into the staged directory, gives the directory its name, and notes the
/// recipe's result.
///
/// # Errors
///
/// Returns [`IngestError`] if something cannot be written.
pub(crate) fn publish_layer(
    data: &Dir,
    layer: DataLayer,
    staging: StagingDir,
    manifest: &LayerManifest,
) -> Result<PublishedLayer, IngestError> {
    let bytes = manifest
        .canonical()
        .map_err(IngestError::encode(MANIFEST))?;
    let id = Digest::of(&bytes);
    // The manifest names every other file by digest, so it is written last: a crash before this
    // line leaves a temporary directory that no reader takes for an entry.
    staging.write_file(MANIFEST, &bytes)?;
    let is_new = staging.publish(&id)?;
    // A crash here costs only the note: the next ingestion does the work again and arrives at the
    // same name.
    note(data, layer, &manifest.recipe, &id)?;
    Ok(PublishedLayer { id, is_new })
}

/// The entry that a recipe gave before, if it is there and was made by this recipe.
///
/// # Errors
///
/// Returns [`IngestError`] if the recipe has no canonical form.
pub(crate) fn find_layer(
    data: &Dir,
    layer: DataLayer,
    recipe: &LayerRecipe,
) -> Result<Option<Digest>, IngestError> {
    // Notes are not signed and may be edited: the entry's own manifest has the last word on its
    // recipe.
    let id = noted(data, layer, recipe)?
        .filter(|id| load(data, layer, id).is_ok_and(|entry| entry.manifest().recipe == *recipe));
    Ok(id)
}

/// The result noted for a recipe, if any. The caller checks that it holds.
///
/// # Errors
///
/// Returns [`IngestError`] if the recipe has no canonical form.
pub(crate) fn noted(
    data: &Dir,
    layer: DataLayer,
    recipe: &LayerRecipe,
) -> Result<Option<Digest>, IngestError> {
    let name = format!("{RECIPES}/{}", note_name(layer, recipe)?);
    let mut text = String::new();
    let read = data
        .open(&name)
        .and_then(|file| file.take(NOTE_BYTES_MAX).read_to_string(&mut text));
    // A note that is missing or cut short costs the work again and nothing else.
    Ok(read.ok().and_then(|_| text.trim().parse().ok()))
}

fn note(
    data: &Dir,
    layer: DataLayer,
    recipe: &LayerRecipe,
    id: &Digest,
) -> Result<(), IngestError> {
    data.create_dir_all(RECIPES)
        .map_err(IngestError::write(RECIPES))?;
    let dir = data
        .open_dir(RECIPES)
        .map_err(IngestError::write(RECIPES))?;
    let name = note_name(layer, recipe)?;
    write_whole(&dir, &name, id.to_string().as_bytes()).map_err(IngestError::write(&name))
}

fn note_name(layer: DataLayer, recipe: &LayerRecipe) -> Result<String, IngestError> {
    Ok(format!("{}-{}", layer.folder(), recipe.digest()?.hex()))
}
