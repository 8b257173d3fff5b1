//! What a change of several LUNs says.

use serde::Serialize;
use vss_provider_file::Change;

use crate::app::App;
use crate::failure::Failure;
use crate::output::{Paint, print_json, print_text};

/// What became of one LUN.
#[derive(Debug, Serialize)]
pub(crate) struct Changed {
    name: String,
    change: &'static str,
    device: Option<String>,
}

impl Changed {
    /// A LUN after the change; `device` is where it is visible now.
    pub(crate) fn new(name: &str, change: Change, device: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            change: match change {
                Change::Changed => "changed",
                Change::AlreadySo => "already-so",
            },
            device,
        }
    }
}

#[derive(Debug, Serialize)]
struct ChangesJson<'a> {
    luns: &'a [Changed],
}

/// Says what became of the LUNs; `done` is the word for it.
pub(crate) fn tell(app: &App, done: &str, changes: &[Changed]) -> Result<(), Failure> {
    if app.json {
        return print_json(&ChangesJson { luns: changes });
    }
    let paint = Paint::stdout();
    let text: String = changes
        .iter()
        .map(|one| {
            let place = one
                .device
                .as_ref()
                .map_or_else(String::new, |device| format!(" at {device}"));
            match one.change {
                "changed" => format!("{} {}{place}\n", paint.green(done), one.name),
                _ => format!("already so: {} is {done}{place}\n", one.name),
            }
        })
        .collect();
    print_text(&text)
}
