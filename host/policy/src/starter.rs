//! The starter policy: the rules of this product, with tests. Its files are in the folder `starter` of this crate.
//! It must never have a rule that is not in them.

use std::collections::BTreeMap;

use crate::bundle::{Bundle, BundleError};

macro_rules! files {
    ($($name:literal),+ $(,)?) => {
        [$(($name, include_str!(concat!("../starter/", $name)))),+]
    };
}

/// The files, by path in the bundle.
pub const FILES: [(&str, &str); 8] = files![
    "data.json",
    "lib.rego",
    "limits.rego",
    "limits_test.rego",
    "promotion.rego",
    "promotion_test.rego",
    "start.rego",
    "start_test.rego",
];

/// The starter bundle.
///
/// # Errors
///
/// Returns [`BundleError`] if the files are not a bundle; a test checks that they are.
pub fn bundle() -> Result<Bundle, BundleError> {
    let file = |(path, text): (&str, &str)| (path.to_owned(), text.as_bytes().to_vec());
    Bundle::new(FILES.into_iter().map(file).collect::<BTreeMap<_, _>>())
}
