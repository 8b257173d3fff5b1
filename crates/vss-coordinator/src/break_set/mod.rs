//! Breaking a set: the plan (pure), its execution, and its recovery after a crash.

mod convert;
mod plan;
mod recover;
mod run;

pub(crate) use plan::given;
pub use plan::{BreakFacts, DiskFacts, plan_break};
pub(crate) use recover::recover;
pub(crate) use run::{BreakRequest, dry_run, run};
