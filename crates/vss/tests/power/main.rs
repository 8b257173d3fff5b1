//! Power cuts of a whole host while sets are made and broken, each followed by a new start on the same disks.
//!
//! The machine is User-Mode Linux; its disks outlive it. The program runs under `strace` in it, which tells
//! of each step; the power is cut right after one of them. `VSS_POWER_CUTS` says after how many steps of
//! each command, spread over all of them; `all` is every step, and `@7,9` these. `VSS_POWER_KEEP` keeps the
//! disks of a cut that went wrong, as they were right after it, in this folder.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test, a step that fails fails the test"
)]

mod control;
mod guest;
mod host;
mod judge;
mod lio;
mod storage;
mod target;
mod thin;
mod trace;

macro_rules! on {
    ($($tests:ident: $kind:ident,)*) => {$(
        mod $tests {
            use crate::guest::What;
            use crate::host;
            use crate::storage::Kind;

            #[test]
            fn a_creation_is_whole_or_gone_after_a_power_cut() {
                host::cuts(Kind::$kind, What::Create);
            }

            #[test]
            fn a_break_is_whole_or_not_begun_after_a_power_cut() {
                host::cuts(Kind::$kind, What::Break);
            }

            #[test]
            fn nothing_stays_still_after_a_power_cut() {
                host::cut_while_all_is_still(Kind::$kind);
            }

            #[test]
            fn storage_that_is_broken_is_judged_so() {
                host::control(Kind::$kind);
            }
        }
    )*};
}

on! {
    on_thin: Thin,
    on_lio: Lio,
}
