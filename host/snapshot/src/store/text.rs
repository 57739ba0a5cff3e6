//! Values that are text in JSON: times above 2^53, digests, timeframes. It must never round.

use core::fmt::Display;
use core::str::FromStr;

use counterfoil_trading::time::UnixNanos;
use serde::{Deserialize, Deserializer, Serializer, de};

/// Anything with a text that reads back.
pub(crate) mod as_text {
    use super::{Deserialize, Deserializer, Display, FromStr, Serializer, de};

    pub(crate) fn serialize<T: Display, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(crate) fn deserialize<'de, T, D>(from: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(from)?
            .parse()
            .map_err(de::Error::custom)
    }
}

/// A time, as the decimal text of its nanoseconds.
pub(crate) mod nanos {
    use super::{Deserializer, Serializer, UnixNanos, as_text};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(value: &UnixNanos, to: S) -> Result<S::Ok, S::Error> {
        as_text::serialize(&value.0, to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<UnixNanos, D::Error> {
        as_text::deserialize(from).map(UnixNanos)
    }
}

/// A time that may not be stated.
pub(crate) mod optional_nanos {
    use super::{Deserialize as _, Deserializer, Serializer, UnixNanos, de};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(
        value: &Option<UnixNanos>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(time) => to.collect_str(&time.0),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<UnixNanos>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let parse = |text: String| text.parse().map(UnixNanos).map_err(de::Error::custom);
        text.map(parse).transpose()
    }
}
