//! `version`: the program's version and those of its formats.

use counterfoil_base::digest::Digest;
use counterfoil_runner::build::host_build;
use counterfoil_sandbox::engine::settings_digest;
use counterfoil_trading::manifest::{FORMAT, PROFILE_PURE, WORLD};
use serde_json::json;

use crate::output::{CommandAnswer, print_fields, print_json};

pub(crate) fn run(json: bool) -> CommandAnswer {
    let version = env!("CARGO_PKG_VERSION");
    // The digest that a manifest must name to run here: two installations can compare it before
    // they exchange runs.
    let engine = settings_digest().to_string();
    // What a journal of this program says of it.
    let build = host_build();
    if json {
        print_json(&json!({
            "version": version,
            "world": WORLD,
            "profile": PROFILE_PURE,
            "manifest": FORMAT,
            "engine": engine,
            "commit": build.commit,
            "lock-file": build.lock_file,
            "binary": build.binary,
        }));
    } else {
        print_fields(&[
            ("counterfoil", version.to_owned()),
            ("world", format!("{WORLD} ({PROFILE_PURE} profile)")),
            ("manifest", FORMAT.to_owned()),
            ("engine settings", engine),
            ("commit", build.commit.unwrap_or_else(unknown)),
            ("lock file", text(build.lock_file)),
            ("program", text(build.binary)),
        ]);
    }
    CommandAnswer::Yes
}

fn text(digest: Option<Digest>) -> String {
    digest.map_or_else(unknown, |digest| digest.to_string())
}

fn unknown() -> String {
    "unknown".to_owned()
}
