//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::Result;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Args {
    /// The program `vss`, built for release; without it, whole processes are not measured.
    pub(crate) vss: Option<PathBuf>,
    /// The first program of a machine in the laboratory; without it, nothing is measured there.
    pub(crate) lab_init: Option<PathBuf>,
    /// Where the programs for Windows are, with `vssapi.dll` beside them, and the Windows of Wine that
    /// they run in; without them, nothing is measured of COM.
    pub(crate) com: Option<(PathBuf, PathBuf)>,
    /// Where to work; its file system is what is measured.
    pub(crate) dir: PathBuf,
    /// Where the results go.
    pub(crate) out: PathBuf,
    /// Fewer rounds, fewer copies.
    pub(crate) quick: bool,
    /// The one case to run.
    only: Option<String>,
    /// The one number of disks to break or volumes to copy, to look closer at it.
    pub(crate) disks: Option<usize>,
}

impl Args {
    pub(crate) fn parse(words: Vec<OsString>) -> Result<Self> {
        let mut args = Self {
            vss: None,
            lab_init: None,
            com: None,
            dir: std::env::temp_dir(),
            out: PathBuf::from("bench-result.json"),
            quick: false,
            only: None,
            disks: None,
        };
        let (mut com_programs, mut wine_prefix) = (None, None);
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let mut value = || {
                words
                    .next()
                    .ok_or_else(|| format!("{} needs a value", word.display()))
            };
            match word.to_str() {
                Some("--vss") => args.vss = Some(value()?.into()),
                Some("--lab-init") => args.lab_init = Some(value()?.into()),
                Some("--com-programs") => com_programs = Some(value()?.into()),
                Some("--wine-prefix") => wine_prefix = Some(value()?.into()),
                Some("--dir") => args.dir = value()?.into(),
                Some("--out") => args.out = value()?.into(),
                Some("--only") => args.only = value()?.into_string().ok(),
                Some("--disks") => args.disks = Some(value()?.to_string_lossy().parse()?),
                Some("--quick") => args.quick = true,
                _ => return Err(format!("what is {}?", word.display()).into()),
            }
        }
        args.com = com_programs.zip(wine_prefix);
        Ok(args)
    }

    pub(crate) fn wants(&self, case: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == case)
    }

    pub(crate) fn wants_disks(&self, disks: usize) -> bool {
        match self.disks {
            Some(only) => only == disks,
            None => !(self.quick && disks > 64),
        }
    }

    /// The number of rounds: `full`, or far fewer in a quick run.
    pub(crate) fn rounds(&self, full: usize) -> usize {
        if self.quick {
            full.div_ceil(5).max(3)
        } else {
            full
        }
    }
}
