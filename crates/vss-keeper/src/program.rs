//! Where the keeper's program is.

use std::path::{Path, PathBuf};

use crate::error::KeeperError;

/// The program's file name.
const NAME: &str = "vss-keeper";
/// Where packages put it.
const INSTALLED: [&str; 2] = ["/usr/libexec/vss", "/usr/lib/vss"];

/// The keeper's program: beside the running executable or in the folder above (where the test
/// executables of a build find it), else where packages put it. The environment has no say, as
/// what runs is root's.
///
/// # Errors
/// [`KeeperError::NoProgram`], with the places.
pub fn program() -> Result<PathBuf, KeeperError> {
    let places = places(std::env::current_exe().ok().as_deref());
    match places.iter().find(|place| place.is_file()) {
        Some(place) => Ok(place.clone()),
        None => Err(KeeperError::NoProgram { places }),
    }
}

fn places(current: Option<&Path>) -> Vec<PathBuf> {
    let near = current
        .into_iter()
        .flat_map(|path| path.ancestors().skip(1).take(2));
    let installed = INSTALLED.iter().map(Path::new);
    near.chain(installed)
        .map(|folder| folder.join(NAME))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_place_comes_first() {
        let installed = ["/usr/libexec/vss/vss-keeper", "/usr/lib/vss/vss-keeper"];
        let expected = [
            "/b/deps/vss-keeper",
            "/b/vss-keeper",
            installed[0],
            installed[1],
        ];
        assert_eq!(
            places(Some(Path::new("/b/deps/test-1"))),
            expected.map(PathBuf::from)
        );
        assert_eq!(places(None), installed.map(PathBuf::from));
    }
}
