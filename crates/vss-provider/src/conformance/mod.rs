//! The checks that every hardware provider passes.
//!
//! A provider's tests describe their storage by a [`Harness`] and call
//! [`conformance_tests!`](crate::conformance_tests), which makes one test of each check:
//!
//! ```text
//! vss_provider::conformance_tests!(MyHarness::new);
//! ```
//!
//! A provider without the `Ex` interface passes the checks of `OnLunStateChange` without a call.

mod abort;
mod creation;
mod life;
mod restart;
mod rig;
mod support;
mod targets;

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use vss_model::LunInformation;

use crate::hardware::HardwareProvider;

pub(crate) use rig::{Rig, Verdict, Violation};

/// A provider on storage of its own, and what a test does to that storage behind its back.
///
/// Originals are LUNs of the array that the suite makes by name. Methods may panic on failure: they
/// are part of a test.
pub trait Harness: Sized {
    /// The provider under test.
    type Provider: HardwareProvider;

    /// The provider. The suite calls `on_load` before anything else.
    fn provider(&self) -> &Self::Provider;

    /// Creates a LUN with this content and presents it to the host under this name.
    fn create_original(&mut self, name: &str, content: &[u8], sector_size: u32);

    /// The name by which the provider presents an original.
    fn presented_name(&self, name: &str) -> String {
        name.to_owned()
    }

    /// Writes to an original, as an application on the host does. `offset` in bytes.
    fn write_original(&mut self, name: &str, offset: u64, bytes: &[u8]);

    /// Withdraws an original from the host, as an administrator of the array does.
    fn mask_original(&mut self, name: &str);

    /// Presents a masked original again.
    fn present_original(&mut self, name: &str);

    /// Reads from a device that the host sees. `offset` and `len` in bytes.
    fn read_device(&self, path: &Path, offset: u64, len: usize) -> Vec<u8>;

    /// Writes to a device that the host sees. `offset` in bytes.
    ///
    /// # Errors
    /// The device cannot be written.
    fn write_device(&self, path: &Path, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut device = OpenOptions::new().write(true).open(path)?;
        device.seek(SeekFrom::Start(offset))?;
        device.write_all(bytes)?;
        device.sync_all()
    }

    /// True when the array still stores this LUN, presented or not; not to be asked through the
    /// provider's methods.
    fn lun_exists_in_array(&self, info: &LunInformation) -> bool;

    /// How many LUNs the array stores: originals, copies and storage set aside for copies. All
    /// that a leak could leave behind must count.
    fn stored_luns(&self) -> usize;

    /// Drops the provider and opens it again on the same storage, as after a crash of the service:
    /// without `on_unload` before. The suite calls `on_load` afterwards.
    #[must_use]
    fn restart(self) -> Self;

    /// A LUN of somebody else's array, with an identifier and serial number of its own.
    fn foreign_lun(&self) -> LunInformation;
}

/// A rule that the provider breaks.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckFailure {
    /// Name of the check.
    pub check: &'static str,
    /// The rule, with its place in the specification.
    pub rule: &'static str,
    /// What the provider did.
    pub message: String,
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (rule: {})", self.check, self.message, self.rule)
    }
}

/// As [`fmt::Display`], because this is what a failing test prints.
impl fmt::Debug for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CheckFailure {}

/// One check of the suite.
pub struct Check<H> {
    /// Its name, which is the name of the generated test too.
    pub name: &'static str,
    /// The rule, with its place in the specification.
    pub rule: &'static str,
    body: fn(&mut Rig<H>) -> Verdict,
}

impl<H: Harness> Check<H> {
    /// Runs the check on a harness that nothing has used yet.
    ///
    /// # Errors
    /// The provider breaks the rule.
    pub fn run(&self, harness: H) -> Result<(), CheckFailure> {
        Rig::new(harness)
            .and_then(|mut rig| (self.body)(&mut rig))
            .map_err(|Violation(message)| CheckFailure {
                check: self.name,
                rule: self.rule,
                message,
            })
    }
}

/// Runs one check by name.
///
/// # Errors
/// The provider breaks the rule, or there is no such check.
pub fn run_named<H: Harness>(
    name: &'static str,
    make: impl FnOnce() -> H,
) -> Result<(), CheckFailure> {
    match checks::<H>().iter().find(|check| check.name == name) {
        Some(check) => check.run(make()),
        None => Err(CheckFailure {
            check: name,
            rule: "only checks of the suite can be run",
            message: "there is no such check".into(),
        }),
    }
}

/// Runs every check and gives all failures.
#[must_use]
pub fn failures<H: Harness>(make: impl Fn() -> H) -> Vec<CheckFailure> {
    checks::<H>()
        .iter()
        .filter_map(|check| check.run(make()).err())
        .collect()
}

/// Runs every check.
///
/// # Panics
/// The provider fails a check; the message names all that failed and their rules.
pub fn run_all<H: Harness>(make: impl Fn() -> H) {
    let failures: Vec<String> = failures(make).iter().map(ToString::to_string).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

// One table gives both the list of checks and the macro that makes tests of them. `$d` is a dollar
// sign for the inner macro.
macro_rules! table {
    ($d:tt $($module:ident :: $name:ident => $rule:literal,)*) => {
        /// Every check, in an order that goes from simple to compound.
        #[must_use]
        pub fn checks<H: Harness>() -> Vec<Check<H>> {
            vec![$(Check {
                name: stringify!($name),
                rule: $rule,
                body: $module::$name::<H>,
            },)*]
        }

        /// Makes one test of each check of the conformance suite.
        ///
        /// The argument makes a [`Harness`](crate::conformance::Harness) on fresh storage: a path to
        /// a function or a closure without parameters.
        #[macro_export]
        macro_rules! conformance_tests {
            ($d make:expr) => {
                $(
                    #[test]
                    fn $name() -> Result<(), $d crate::conformance::CheckFailure> {
                        $d crate::conformance::run_named(stringify!($name), $d make)
                    }
                )*
            };
        }
    };
}

table! { $
    support::properties_are_stable => "a provider keeps its id, name, version and kind (spec: provider §1, §2)",
    support::own_luns_are_supported => "AreLunsSupported is true for LUNs of this array (spec: provider §12)",
    support::foreign_luns_are_not_supported => "AreLunsSupported is false for LUNs of others (spec: provider §12)",
    support::mixed_luns_are_not_supported => "AreLunsSupported is all or nothing (spec: provider §3)",
    support::support_leaves_interconnects_alone => "AreLunsSupported does not touch interconnects (spec: provider §10)",
    support::own_copies_are_supported => "AreLunsSupported is true for the provider's own copies (spec: provider §12)",
    support::agreed_contexts_can_be_made => "a provider never agrees to a context that it cannot create (spec: provider §12)",
    support::fill_in_gives_the_recorded_information => "FillInLunInfo normalises to what GetTargetLuns gave (spec: provider §6)",
    support::fill_in_does_not_know_foreign_luns => "FillInLunInfo answers false for LUNs of others (spec: provider §6)",
    support::masked_original_is_not_presented => "a LUN masked in the array is not among the presented ones (spec: provider §11)",
    creation::copy_holds_the_instant => "a copy holds the bytes of the moment of CommitSnapshots (spec: provider §5)",
    creation::originals_stay_untouched => "no phase changes a byte of an original (spec: provider §5)",
    creation::several_luns_in_one_set => "all LUNs of a set are copied (spec: provider §5)",
    creation::lun_of_two_volumes_is_copied_once => "a LUN announced again for another volume is not copied twice (spec: provider §5)",
    creation::copy_keeps_the_sector_size => "a copy is a disk of the same geometry as its original (spec: provider §12)",
    creation::new_set_drops_abandoned_preparation => "a new set id drops a set whose preparation never ended (spec: provider §9)",
    creation::unknown_set_is_not_found => "a phase of an unknown set gives VSS_E_OBJECT_NOT_FOUND (spec: provider §9)",
    creation::unknown_luns_are_errors => "GetTargetLuns and LocateLuns fail for LUNs they do not know (spec: provider §12)",
    creation::codes_are_of_the_list => "a method gives only the codes of its list (spec: provider §9)",
    creation::sets_are_independent => "copies of two sets of one original are independent LUNs (spec: provider §11)",
    targets::targets_are_one_to_one => "GetTargetLuns answers one for one, in order (spec: provider §12)",
    targets::target_signature_is_nil => "GetTargetLuns gives no disk signature (spec: provider §10)",
    targets::target_has_an_identifier_of_its_own => "each copy has a unique page 0x83 identifier of type 1, 2, 3 or 8 (spec: provider §10)",
    targets::targets_are_stable => "GetTargetLuns gives the same answer whenever asked (spec: provider §12)",
    targets::copies_are_hidden_before_locate => "copies are not accessible before LocateLuns (spec: provider §5)",
    targets::located_copies_bear_the_recorded_information => "a located LUN is what GetTargetLuns described (spec: provider §6)",
    targets::locate_is_repeatable => "LocateLuns takes LUNs listed twice and LUNs already presented (spec: provider §12)",
    targets::located_copy_is_read_write => "LUNs are always mapped read-write (spec: provider §12)",
    abort::abort_after_begin_prepare => "AbortSnapshots frees all of the set (spec: provider §9, §11)",
    abort::abort_after_end_prepare => "AbortSnapshots frees all of the set (spec: provider §9, §11)",
    abort::abort_after_pre_commit => "AbortSnapshots frees all of the set (spec: provider §9, §11)",
    abort::abort_after_commit => "AbortSnapshots frees all of the set (spec: provider §9, §11)",
    abort::abort_after_post_commit => "AbortSnapshots frees all of the set (spec: provider §9, §11)",
    abort::abort_after_get_target_luns => "AbortSnapshots frees all of the set (spec: provider §9, §11)",
    abort::abort_after_locate => "AbortSnapshots frees all of the set (spec: provider §9, §11)",
    abort::abort_after_pre_final_commit => "AbortSnapshots frees all of the set (spec: provider §9, §11)",
    abort::abort_is_repeatable => "AbortSnapshots of a set given up already, or unknown, is fine (spec: provider §9)",
    abort::abort_leaves_other_sets_alone => "AbortSnapshots frees only its set (spec: provider §9)",
    life::mask_withdraws_and_keeps => "DO_MASK_LUNS withdraws the LUNs and does not delete them (spec: break §6.1)",
    life::mask_is_repeatable => "DO_MASK_LUNS of a LUN already masked is no error (spec: break §6.1)",
    life::mask_leaves_others_alone => "DO_MASK_LUNS withdraws the listed copies only (spec: break §6.1)",
    life::notifications_change_nothing => "NOTIFY flags ask for no action (spec: break §6.1)",
    life::read_write_lun_stays => "a LUN that left by NOTIFY_READ_WRITE belongs to the administrator (spec: break §6.5)",
    life::empty_reclaims => "OnLunEmpty frees the LUN (spec: provider §7)",
    life::empty_is_repeatable => "OnLunEmpty of a LUN that is gone is fine (spec: provider §7)",
    life::empty_frees_nothing_else => "OnLunEmpty frees the LUN of the call only (spec: provider §7)",
    life::identifiers_survive_masking => "identifiers are the same after masking and presenting (spec: provider §10)",
    restart::half_made_sets_go => "a preparation cut off by a crash leaves nothing (spec: provider §9)",
    restart::committed_copies_outlive_a_crash => "a copy is there once CommitSnapshots returned (spec: provider §11)",
    restart::abort_after_a_crash_frees => "a later run aborts a set whose creation a crash cut off (spec: provider §9)",
    restart::finished_copies_outlive_a_crash => "a finished copy survives, with its identifiers, bytes and visibility (spec: provider §10, §11)",
    restart::masked_stays_masked => "a masked LUN stays masked over a crash (spec: break §6.5)",
    restart::identifiers_are_not_reused => "identifiers given once are not given to another LUN (spec: provider §10)",
}
