//! What a change of several LUNs says.

use std::borrow::Cow;

use serde::Serialize;
use vss_service::LunChange;

use crate::app::App;
use crate::failure::Failure;
use crate::output::{Paint, print_json, print_text};

/// What became of one LUN.
#[derive(Debug, Serialize)]
struct ChangeJson<'a> {
    name: &'a str,
    change: &'static str,
    device: Option<Cow<'a, str>>,
}

impl<'a> From<&'a LunChange> for ChangeJson<'a> {
    fn from(change: &'a LunChange) -> Self {
        Self {
            name: &change.name,
            change: if change.changed {
                "changed"
            } else {
                "already-so"
            },
            device: change.device.as_ref().map(|path| path.to_string_lossy()),
        }
    }
}

#[derive(Debug, Serialize)]
struct ChangesJson<'a> {
    luns: Vec<ChangeJson<'a>>,
}

/// Says what became of the LUNs; `done` is the word for it.
pub(crate) fn tell(app: &App, done: &str, changes: &[LunChange]) -> Result<(), Failure> {
    if app.json {
        return print_json(&ChangesJson {
            luns: changes.iter().map(ChangeJson::from).collect(),
        });
    }
    let paint = Paint::stdout();
    let text: String = changes
        .iter()
        .map(|one| {
            let place = one
                .device
                .as_ref()
                .map_or_else(String::new, |device| format!(" at {}", device.display()));
            if one.changed {
                format!("{} {}{place}\n", paint.green(done), one.name)
            } else {
                format!("already so: {} is {done}{place}\n", one.name)
            }
        })
        .collect();
    print_text(&text)
}
