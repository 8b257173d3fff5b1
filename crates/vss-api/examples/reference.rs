//! Writes the reference of the API: `cargo run -p vss-api --example reference > docs/api.md`.

fn main() {
    print!("{}", vss_api::reference::markdown());
}
