//! `cargo xtask docs`: the documents that the program writes about itself.
//!
//! Tests of the crates `vss`, `vss-api` and `vssd` say when they are stale.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::{cargo, nothing_left, output, root, status, target_dir, typed};
use crate::{Failure, Outcome};

/// Shells and the file names that their completions are looked for under.
const SHELLS: &[(&str, &str)] = &[("bash", "vss.bash"), ("zsh", "_vss"), ("fish", "vss.fish")];

/// Writes `docs/man`, `docs/completions`, `docs/cli-reference.md`, `docs/api.md`, `packaging/vssd.8`
/// and `packaging/vssd.toml` anew.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    nothing_left(arguments)?;
    status(&mut cargo(["build", "--package", "vss", "--bin", "vss"]))?;
    let vss = target_dir().join("debug/vss");
    let vss = || {
        let mut command = Command::new(&vss);
        // What is set here must not get into the documents.
        command.env_remove("VSS_STATE").env("LC_ALL", "C.UTF-8");
        command
    };
    let docs = root().join("docs");
    let man = docs.join("man");
    // Pages of commands that are no more must not stay.
    match fs::remove_dir_all(&man) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(lost(&man, &error));
        }
        _ => {}
    }
    make(&man)?;
    status(vss().arg("man").arg("--dir").arg(&man))?;
    let completions = docs.join("completions");
    make(&completions)?;
    for (shell, file) in SHELLS {
        save(vss().args(["completions", shell]), &completions.join(file))?;
    }
    save(vss().arg("reference"), &docs.join("cli-reference.md"))?;
    save(
        &mut cargo([
            "run",
            "--quiet",
            "--package",
            "vss-api",
            "--example",
            "reference",
        ]),
        &docs.join("api.md"),
    )?;
    status(&mut cargo(["build", "--package", "vssd", "--bin", "vssd"]))?;
    let vssd = target_dir().join("debug/vssd");
    let packaging = root().join("packaging");
    for (document, file) in [("man", "vssd.8"), ("template", "vssd.toml")] {
        save(
            Command::new(&vssd).args(["--document", document]),
            &packaging.join(file),
        )?;
    }
    Ok(())
}

fn make(folder: &Path) -> Outcome {
    fs::create_dir_all(folder).map_err(|error| lost(folder, &error))
}

fn save(command: &mut Command, file: &Path) -> Outcome {
    let text = output(command).ok_or_else(|| Failure(format!("{} failed", typed(command))))?;
    fs::write(file, text).map_err(|error| lost(file, &error))
}

fn lost(path: &Path, error: &std::io::Error) -> Failure {
    Failure(format!("could not write {}: {error}", path.display()))
}
