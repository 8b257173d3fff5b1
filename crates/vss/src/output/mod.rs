//! How things are said: tables, colours, JSON.

mod json;
mod paint;
mod table;
mod text;

use std::io::{self, BufWriter, StdoutLock, Write};

use serde::Serialize;

pub(crate) use json::{
    DiskJson, EventJson, IdentityJson, OperationJson, ResultJson, StateJson, StepJson,
    UnfinishedJson,
};
pub(crate) use paint::Paint;
pub(crate) use table::Table;
pub(crate) use text::{identity_table, micros, on_off, plain, short, steps_table};

use crate::failure::Failure;

/// Stdout behind one buffer, for as long as it is held.
pub(crate) fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

/// Prints one JSON object on a line of its own.
pub(crate) fn print_json<T: Serialize>(value: &T) -> Result<(), Failure> {
    let mut out = stdout();
    serde_json::to_writer(&mut out, value)?;
    out.write_all(b"\n")?;
    out.flush()?;
    Ok(())
}

/// Prints text as it is.
pub(crate) fn print_text(text: &str) -> Result<(), Failure> {
    let mut out = stdout();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}
