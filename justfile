# Short names for common work. A convenience: no script and no test calls it.

# List the recipes.
default:
    @just --list

# Every test, as continuous integration runs it.
test:
    tests/setup/test

# One test by a part of its name: just test-one counterfoil-trading stop_limit
test-one crate name:
    cargo test --locked -p {{crate}} {{name}} -- --nocapture

# Format and lints.
lint:
    cargo fmt --all --check
    cargo clippy --locked --workspace --all-targets -- -D warnings

# The demo, into ./demo-data.
demo *arguments:
    tests/setup/demo {{arguments}}

# Write the generated parts of the documents.
docs:
    UPDATE_DOCS=1 cargo test --locked -p counterfoil-tests --test documents --test journal_format
    UPDATE_DOCS=1 cargo test --locked -p counterfoil-governance page
    UPDATE_DOCS=1 cargo test --locked -p counterfoil --bin counterfoil reference

# Set up the compiler for components.
guest:
    tests/setup/guest-toolchain
