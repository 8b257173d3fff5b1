//! A patch as people read it before they agree.

use std::fmt;

use crate::patch::{Edit, Patch, hex};

/// Longer runs of bytes are shown by their beginning and their length.
const SHOWN_BYTES: usize = 16;

fn shown(bytes: &[u8]) -> String {
    match bytes.get(..SHOWN_BYTES) {
        Some(start) if bytes.len() > SHOWN_BYTES => {
            format!("{}.. ({} bytes)", hex::text(start), bytes.len())
        }
        _ => hex::text(bytes),
    }
}

impl fmt::Display for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:#014x}  {:<20}  {} -> {}",
            self.offset,
            self.field.to_string(),
            shown(&self.old),
            shown(&self.new)
        )
    }
}

/// The listing of a dry run: a line for each stage, and below it one for each edit with its offset,
/// its field, and the old and new bytes.
impl fmt::Display for Patch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("no change");
        }
        for (number, stage) in (1..).zip(&self.stages) {
            if number > 1 {
                writeln!(f)?;
            }
            write!(f, "{number}. {}", stage.what)?;
            for edit in &stage.edits {
                write!(f, "\n   {edit}")?;
            }
        }
        Ok(())
    }
}
