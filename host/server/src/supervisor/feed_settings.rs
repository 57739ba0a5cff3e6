//! How a run under supervision is fed, as the API and the run file state it. It must never open a feed.

use serde::{Deserialize, Serialize};

/// Where the bars of a supervised run come from.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum FeedSettings {
    /// Bars are pushed over HTTP to the feed that the manifest names.
    Push {},
    /// The bars of a snapshot, replayed as if live.
    Replay {
        /// The snapshot's id, or its first digits.
        snapshot: String,
        /// Speed factor; `None`: as fast as the run accepts them.
        speed: Option<u32>,
    },
    /// Newline-delimited JSON from a TCP server.
    Tcp {
        /// Such as `127.0.0.1:9000`.
        address: String,
    },
    /// The venue's market that the manifest's feed is named after.
    Market {},
}

impl FeedSettings {
    /// The name of the kind in JSON.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Push {} => "push",
            Self::Replay { .. } => "replay",
            Self::Tcp { .. } => "tcp",
            Self::Market {} => "market",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_one_form_in_json() {
        let table = [
            (r#"{"kind":"push"}"#, Some(FeedSettings::Push {})),
            (
                r#"{"kind":"replay","snapshot":"ab","speed":60}"#,
                Some(FeedSettings::Replay {
                    snapshot: "ab".to_owned(),
                    speed: Some(60),
                }),
            ),
            (r#"{"kind":"replay","snapshot":"ab","sped":60}"#, None),
            (r#"{"kind":"push","more":1}"#, None),
            (r#"{"kind":"market"}"#, Some(FeedSettings::Market {})),
            (r#"{"kind":"kafka"}"#, None),
        ];
        for (text, expected) in table {
            let read: Option<FeedSettings> = serde_json::from_str(text).ok();
            assert_eq!(read, expected, "{text}");
        }
    }
}
