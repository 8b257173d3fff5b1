//! What the checks have in common: originals, sets, phases, and calls that explain their failure.

use std::mem;
use std::path::PathBuf;

use uuid::Uuid;
use vss_model::{
    BusType, HardwareOptions, LunInformation, ResultCode, SetId, SnapshotAttributes, SnapshotId,
};

use crate::codes::{Method, allowed_codes};
use crate::conformance::Harness;
use crate::error::ProviderResult;
use crate::hardware::{HardwareProvider, PresentedLun};
use crate::provider::{CreateSnapshotSet, Provider};

/// What the provider did against the rule of the check.
#[derive(Debug)]
pub(crate) struct Violation(pub(crate) String);

/// How a check ends.
pub(crate) type Verdict = Result<(), Violation>;

/// Fails the check unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::Violation(format!($($message)+)));
        }
    };
}
pub(crate) use ensure;

/// Length of the originals in bytes.
pub(super) const LEN: usize = 16 * 1024;

/// Steps of a creation, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Begin,
    EndPrepare,
    PreCommit,
    Commit,
    PostCommit,
    GetTargets,
    Locate,
    PreFinal,
    PostFinal,
}

impl Step {
    pub(super) const ALL: &'static [Self] = &[
        Self::Begin,
        Self::EndPrepare,
        Self::PreCommit,
        Self::Commit,
        Self::PostCommit,
        Self::GetTargets,
        Self::Locate,
        Self::PreFinal,
        Self::PostFinal,
    ];
}

/// A set that a check creates: one volume on each original.
#[derive(Debug, Clone)]
pub(super) struct Creation {
    pub(super) set: SetId,
    pub(super) context: SnapshotAttributes,
    pub(super) devices: Vec<PathBuf>,
    pub(super) originals: Vec<LunInformation>,
    /// The copies, from the step `GetTargets` on.
    pub(super) targets: Vec<LunInformation>,
}

/// A harness with the habits of a coordinator.
#[derive(Debug)]
pub(crate) struct Rig<H> {
    /// Empty only inside [`Rig::restart`].
    harness: Option<H>,
    ids: u128,
}

/// Turns a failed call into a violation.
pub(super) fn done<T>(method: Method, result: ProviderResult<T>) -> Result<T, Violation> {
    result.map_err(|error| Violation(format!("{method} failed with {}: {error}", error.code)))
}

/// The code of a call that had to fail.
pub(super) fn refused<T>(
    method: Method,
    result: ProviderResult<T>,
) -> Result<ResultCode, Violation> {
    match result {
        Ok(_) => Err(Violation(format!("{method} succeeded"))),
        Err(error) => Ok(error.code),
    }
}

/// Fails when a call gave a code that its method may not give.
pub(super) fn of_the_list<T>(method: Method, result: &ProviderResult<T>) -> Verdict {
    if let Err(error) = result {
        ensure!(
            !error.code.is_success() && allowed_codes(method).contains(&error.code),
            "{method} failed with {}",
            error.code
        );
    }
    Ok(())
}

/// A pattern that differs from sector to sector and from one `tag` to another.
pub(super) fn pattern(tag: u8) -> Vec<u8> {
    (0..LEN)
        .map(|i| tag ^ (i / 512).to_le_bytes()[0] ^ i.to_le_bytes()[0].rotate_left(3))
        .collect()
}

impl<H: Harness> Rig<H> {
    pub(super) fn new(harness: H) -> Result<Self, Violation> {
        let rig = Self {
            harness: Some(harness),
            ids: 0x7e57_0000_0000_4000_8000_0000_0000_0000,
        };
        done(Method::OnLoad, rig.provider()?.on_load())?;
        Ok(rig)
    }

    pub(super) fn harness(&self) -> Result<&H, Violation> {
        self.harness.as_ref().ok_or_else(lost)
    }

    pub(super) fn harness_mut(&mut self) -> Result<&mut H, Violation> {
        self.harness.as_mut().ok_or_else(lost)
    }

    pub(super) fn provider(&self) -> Result<&H::Provider, Violation> {
        Ok(self.harness()?.provider())
    }

    /// Crashes the service and starts it again.
    pub(super) fn restart(&mut self) -> Verdict {
        self.harness = mem::take(&mut self.harness).map(Harness::restart);
        done(Method::OnLoad, self.provider()?.on_load())
    }

    fn next_uuid(&mut self) -> Uuid {
        self.ids += 1;
        Uuid::from_u128(self.ids)
    }

    pub(super) fn new_set(&mut self) -> SetId {
        SetId::from_uuid(self.next_uuid())
    }

    pub(super) fn new_snapshot(&mut self) -> SnapshotId {
        SnapshotId::from_uuid(self.next_uuid())
    }

    /// Creates originals with the patterns 1, 2, 3, …
    pub(super) fn originals(&mut self, names: &[&str]) -> Verdict {
        for (name, tag) in names.iter().zip(1..) {
            self.harness_mut()?
                .create_original(name, &pattern(tag), 512);
        }
        Ok(())
    }

    /// What the host sees, by name: providers list in any order.
    pub(super) fn presented(&self) -> Result<Vec<PresentedLun>, Violation> {
        let mut luns = done(Method::PresentedLuns, self.provider()?.presented_luns())?;
        luns.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(luns)
    }

    /// The presented LUN with this name.
    pub(super) fn named(&self, name: &str) -> Result<PresentedLun, Violation> {
        let wanted = self.harness()?.presented_name(name);
        self.presented()?
            .into_iter()
            .find(|lun| lun.name == wanted)
            .ok_or_else(|| Violation(format!("original {name} is not presented")))
    }

    /// The presented LUN that this information speaks of, if the host sees it.
    pub(super) fn sight_of(
        &self,
        information: &LunInformation,
    ) -> Result<Option<PresentedLun>, Violation> {
        Ok(self
            .presented()?
            .into_iter()
            .find(|lun| lun.information.is_same_lun(information)))
    }

    pub(super) fn sighted(&self, information: &LunInformation) -> Result<PresentedLun, Violation> {
        self.sight_of(information)?.ok_or_else(|| {
            Violation(format!(
                "LUN {:?} is not presented",
                information.serial_number
            ))
        })
    }

    /// All bytes of a LUN that the host sees.
    pub(super) fn content(&self, information: &LunInformation) -> Result<Vec<u8>, Violation> {
        let lun = self.sighted(information)?;
        Ok(self.harness()?.read_device(&lun.device, 0, LEN))
    }

    pub(super) fn stored(&self) -> Result<usize, Violation> {
        Ok(self.harness()?.stored_luns())
    }

    pub(super) fn exists(&self, information: &LunInformation) -> Result<bool, Violation> {
        Ok(self.harness()?.lun_exists_in_array(information))
    }

    /// A creation of the originals with these names that has not begun.
    pub(super) fn creation(&mut self, names: &[&str]) -> Result<Creation, Violation> {
        let mut creation = Creation {
            set: self.new_set(),
            context: SnapshotAttributes::empty(),
            devices: Vec::new(),
            originals: Vec::new(),
            targets: Vec::new(),
        };
        for name in names {
            let lun = self.named(name)?;
            creation.devices.push(lun.device);
            creation.originals.push(lun.information);
        }
        Ok(creation)
    }

    /// Does one step of a creation.
    pub(super) fn step(&mut self, creation: &mut Creation, step: Step) -> Verdict {
        let set = creation.set;
        if step == Step::Begin {
            for at in 0..creation.originals.len() {
                self.begin(creation, &[at])?;
            }
            return Ok(());
        }
        let provider = self.provider()?;
        match step {
            // Begun above.
            Step::Begin => Ok(()),
            Step::EndPrepare => done(
                Method::EndPrepareSnapshots,
                provider.end_prepare_snapshots(set),
            ),
            Step::PreCommit => done(
                Method::PreCommitSnapshots,
                provider.pre_commit_snapshots(set),
            ),
            Step::Commit => done(Method::CommitSnapshots, provider.commit_snapshots(set)),
            Step::PostCommit => {
                let count = u32::try_from(creation.originals.len()).unwrap_or(u32::MAX);
                done(
                    Method::PostCommitSnapshots,
                    provider.post_commit_snapshots(set, count),
                )
            }
            Step::GetTargets => {
                creation.targets = self.targets(creation)?;
                Ok(())
            }
            Step::Locate => done(Method::LocateLuns, provider.locate_luns(&creation.targets)),
            Step::PreFinal => done(
                Method::PreFinalCommitSnapshots,
                provider.pre_final_commit_snapshots(set),
            ),
            Step::PostFinal => done(
                Method::PostFinalCommitSnapshots,
                provider.post_final_commit_snapshots(set),
            ),
        }
    }

    /// Does all steps after `after` (from the first if `None`) up to and with `last`.
    pub(super) fn advance(
        &mut self,
        creation: &mut Creation,
        after: Option<Step>,
        last: Step,
    ) -> Verdict {
        for step in Step::ALL {
            if after.is_none_or(|after| *step > after) && *step <= last {
                self.step(creation, *step)?;
            }
        }
        Ok(())
    }

    /// Announces one volume on the originals at these places.
    pub(super) fn begin(&mut self, creation: &mut Creation, at: &[usize]) -> Verdict {
        let snapshot = self.new_snapshot();
        let devices: Vec<PathBuf> = at.iter().map(|i| creation.devices[*i].clone()).collect();
        let mut luns: Vec<LunInformation> =
            at.iter().map(|i| creation.originals[*i].clone()).collect();
        let provider = self.provider()?;
        let supported = done(
            Method::AreLunsSupported,
            provider.are_luns_supported(creation.context, &devices, &mut luns),
        )?;
        ensure!(supported, "AreLunsSupported is false for an original");
        done(
            Method::BeginPrepareSnapshot,
            provider.begin_prepare_snapshot(
                creation.set,
                snapshot,
                creation.context,
                &devices,
                &mut luns,
            ),
        )
    }

    pub(super) fn targets(&self, creation: &Creation) -> Result<Vec<LunInformation>, Violation> {
        let targets = done(
            Method::GetTargetLuns,
            self.provider()?
                .get_target_luns(&creation.devices, &creation.originals),
        )?;
        ensure!(
            targets.len() == creation.originals.len(),
            "GetTargetLuns gave {} LUNs for {} originals",
            targets.len(),
            creation.originals.len()
        );
        Ok(targets)
    }

    /// Creates originals with these names and a finished set of them, visible to the host.
    pub(super) fn finished(&mut self, names: &[&str]) -> Result<Creation, Violation> {
        self.originals(names)?;
        self.finished_again(names)
    }

    /// A finished set of originals that are there already.
    pub(super) fn finished_again(&mut self, names: &[&str]) -> Result<Creation, Violation> {
        let mut creation = self.creation(names)?;
        self.advance(&mut creation, None, Step::PostFinal)?;
        Ok(creation)
    }

    /// Tells the provider of a change of state; `false` if it has no `Ex` interface.
    pub(super) fn state_change(
        &self,
        copies: &[LunInformation],
        originals: &[LunInformation],
        flags: HardwareOptions,
    ) -> Result<bool, Violation> {
        match self.provider()?.ex() {
            Some(ex) => done(
                Method::OnLunStateChange,
                ex.on_lun_state_change(copies, originals, flags),
            )
            .map(|()| true),
            None => Ok(false),
        }
    }

    /// Checks that the originals are presented and hold the patterns that they were made with.
    pub(super) fn originals_are_whole(&self, names: &[&str]) -> Verdict {
        for (name, tag) in names.iter().zip(1..) {
            let lun = self.named(name)?;
            ensure!(
                self.harness()?.read_device(&lun.device, 0, LEN) == pattern(tag),
                "original {name} was changed"
            );
        }
        Ok(())
    }

    /// What inquiry would say of a LUN on another bus with a signature, and padded as SCSI pads.
    pub(super) fn as_inquired(information: &LunInformation) -> LunInformation {
        let mut inquired = information.clone();
        inquired.bus_type = BusType::Scsi;
        inquired.disk_signature = Uuid::from_u128(0xD15C);
        inquired.vendor_id.push_str("   ");
        inquired.product_id.push_str("   ");
        inquired
    }
}

/// A restart that unwound in the harness leaves none behind; checks end there anyway.
fn lost() -> Violation {
    Violation("the harness was lost in a restart".into())
}
