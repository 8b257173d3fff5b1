//! File systems and devices at rest by way of the keeper (`vss-keeper`).

use std::time::Duration;

use vss_keeper::{End, Keeper, KeeperError, LeftoverState, Outcome, Plan, Release};
use vss_model::{Error, ErrorKind};
use vss_provider::MappedDevice;

use super::{AtRest, Freezing, Ground, Released};

pub(super) fn rest(ground: &Ground) -> Result<Box<dyn AtRest>, Error> {
    let failed = |error: KeeperError| {
        Error::new(
            ErrorKind::HoldWritesTimeout,
            "the freeze keeper could not be started",
        )
        .with_source(error)
    };
    let program = vss_keeper::program().map_err(failed)?;
    let keeper = Keeper::start(&program, &plan(ground)).map_err(failed)?;
    Ok(Box::new(Kept {
        keeper: Some(keeper),
        ground: ground.clone(),
    }))
}

pub(super) fn let_go(ground: &Ground) -> Vec<String> {
    let plan = plan(ground);
    vss_keeper::let_go(&plan.file_systems, &plan.devices)
        .iter()
        .filter_map(|leftover| {
            let thing = &leftover.thing;
            Some(match &leftover.state {
                LeftoverState::NotHeld | LeftoverState::Gone => return None,
                LeftoverState::Released => {
                    format!("{thing} was still held after a crash and was let go of")
                }
                LeftoverState::Failed { reason } => {
                    format!("{thing} may still be held, and could not be let go of: {reason}")
                }
                _ => format!("{thing} may still be held, and could not be let go of in time"),
            })
        })
        .collect()
}

fn plan(ground: &Ground) -> Plan {
    Plan::new(
        ground
            .file_systems
            .iter()
            .map(|one| vss_keeper::FileSystem {
                mount_point: one.mount_point.clone(),
                device: one.device,
                level: one.level,
            })
            .collect(),
        ground
            .devices
            .iter()
            .map(|device| vss_keeper::MappedDevice {
                name: device.name.clone(),
                uuid: device.uuid.clone(),
            })
            .collect(),
    )
}

/// A keeper and what it keeps.
struct Kept {
    /// `None` once it let go.
    keeper: Option<Keeper>,
    ground: Ground,
}

impl Kept {
    fn keeper(&mut self) -> Result<&mut Keeper, Error> {
        self.keeper.as_mut().ok_or_else(|| {
            Error::new(
                ErrorKind::HoldWritesTimeout,
                "the freeze keeper has let go already",
            )
        })
    }

    /// The outcomes of a step; a failed one has let go of everything.
    fn step(
        &mut self,
        kind: ErrorKind,
        step: &str,
        work: impl FnOnce(&mut Keeper) -> Result<Vec<Outcome>, KeeperError>,
    ) -> Result<Vec<Outcome>, Error> {
        let result = work(self.keeper()?);
        if result.is_err() {
            self.keeper = None;
        }
        result.map_err(|error| Error::new(kind, format!("could not {step}")).with_source(error))
    }
}

impl AtRest for Kept {
    fn flush(&mut self) -> Result<(), Error> {
        let flushed = self.keeper()?.flush().map_err(|error| {
            Error::new(
                ErrorKind::FlushWritesTimeout,
                "could not flush the file systems of the set",
            )
            .with_source(error)
        })?;
        let failed = self
            .ground
            .file_systems
            .iter()
            .zip(flushed)
            .find_map(|(one, why)| Some((one, why?)));
        match failed {
            None => Ok(()),
            Some((one, why)) => Err(Error::new(
                ErrorKind::FlushWritesTimeout,
                format!(
                    "could not flush the file system at {}",
                    one.mount_point.display()
                ),
            )
            .with_source(why)),
        }
    }

    fn freeze(&mut self) -> Result<Vec<Freezing>, Error> {
        let outcomes = self.step(
            ErrorKind::HoldWritesTimeout,
            "freeze the file systems of the set",
            Keeper::freeze,
        )?;
        Ok(outcomes
            .into_iter()
            .map(|outcome| match outcome {
                Outcome::Held { .. } => Freezing::Frozen,
                Outcome::AlreadyHeld => Freezing::AlreadyFrozen,
                // The keeper gives failures as errors.
                _ => Freezing::Unsupported,
            })
            .collect())
    }

    fn suspend(&mut self) -> Result<(), Error> {
        self.step(
            ErrorKind::HoldWritesTimeout,
            "suspend the devices of the set",
            Keeper::suspend,
        )
        .map(drop)
    }

    fn release(mut self: Box<Self>) -> Result<Released, Error> {
        let keeper = self.keeper.take().ok_or_else(|| {
            Error::new(
                ErrorKind::HoldWritesTimeout,
                "the freeze keeper has let go already",
            )
        })?;
        let release = keeper.release().map_err(|error| {
            Error::new(
                ErrorKind::HoldWritesTimeout,
                "the freeze keeper died while the copies were taken; everything was let go of, and the copies are not of one instant",
            )
            .with_hint("try again")
            .with_source(error)
        })?;
        Ok(released(&self.ground, &release))
    }
}

fn released(ground: &Ground, release: &Release) -> Released {
    let resumed: Vec<MappedDevice> = ground
        .devices
        .iter()
        .zip(&release.devices)
        .filter(|(_, held)| matches!(held.end, End::Lost))
        .map(|(device, _)| device.clone())
        .collect();
    let mut lost = Vec::new();
    if release.is_expired() {
        lost.push(
            "the time for which writes may be held was over before the copies were complete"
                .to_owned(),
        );
    }
    for (one, held) in ground.file_systems.iter().zip(&release.file_systems) {
        if matches!(held.end, End::Lost) {
            lost.push(format!(
                "somebody thawed the file system at {} before the copies were complete",
                one.mount_point.display()
            ));
        }
    }
    Released {
        frozen: if release.file_systems.is_empty() {
            Duration::ZERO
        } else {
            Duration::from_micros(release.freeze_micros)
        },
        suspended: if release.devices.is_empty() {
            Duration::ZERO
        } else {
            Duration::from_micros(release.held_micros)
        },
        lost,
        resumed,
    }
}
