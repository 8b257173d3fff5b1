//! The reference is what the proto files say, and they leave nothing unsaid.

use std::path::Path;

#[test]
fn api_reference_is_fresh() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/api.md");
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == vss_api::reference::markdown(),
        "docs/api.md is stale: cargo run -p vss-api --example reference > docs/api.md"
    );
}

#[test]
fn everything_has_a_comment() {
    assert_eq!(vss_api::reference::uncommented(), Vec::<String>::new());
    let page = vss_api::reference::markdown();
    for word in [
        "### BreakSnapshotSetEx\n",
        "`IDENTITY_DECISION_MASKED`",
        "| `held_micros` |",
    ] {
        assert!(page.contains(word), "{word}");
    }
}
