//! How a mapping names a column: by its name in the header, or by its place. It must never know a header.

use core::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

/// The last place that a mapping may state: more than any table of bars has.
const PLACE_MAX: u64 = 16_384;

/// A column.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ColumnRef {
    /// Its name in the header.
    Name(String),
    /// Its place in every row, from 1.
    Place(usize),
    /// The source has no such column.
    Absent,
}

impl fmt::Display for ColumnRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Place(place) => write!(f, "{place}"),
            Self::Absent => f.write_str("null"),
        }
    }
}

impl<'de> Deserialize<'de> for ColumnRef {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ColumnRefVisitor)
    }
}

/// Reads text, a number or null, with an error that says so.
struct ColumnRefVisitor;

impl Visitor<'_> for ColumnRefVisitor {
    type Value = ColumnRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a column's name, or its place from 1")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<ColumnRef, E> {
        Ok(ColumnRef::Name(name.to_owned()))
    }

    fn visit_u64<E: Error>(self, place: u64) -> Result<ColumnRef, E> {
        let is_place = (1..=PLACE_MAX).contains(&place);
        let place = usize::try_from(place).ok().filter(|_| is_place);
        place.map(ColumnRef::Place).ok_or_else(|| {
            E::custom(format!(
                "columns: places are 1 to {PLACE_MAX}, the first is 1"
            ))
        })
    }

    fn visit_unit<E: Error>(self) -> Result<ColumnRef, E> {
        Ok(ColumnRef::Absent)
    }
}
