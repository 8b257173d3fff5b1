//! Plans of breaks.

use disk_identity::Identity;
use vss_model::HardwareOptions;
use vss_service::{BreakPlan, DiskPlan, IdentityDecision, Notice};

use super::{
    Fault, Wire, id, known, list_from, list_to, needed, optional, path_from, path_to, report,
};
use crate::v1;

impl Wire for Notice {
    type Message = v1::Notice;

    fn to_wire(&self) -> v1::Notice {
        v1::Notice {
            snapshot: self.snapshot.to_string(),
            flag: self.flag.bits(),
            luns: self.luns.clone(),
        }
    }

    fn from_wire(message: v1::Notice) -> Result<Self, Fault> {
        Ok(Self {
            snapshot: id(&message.snapshot, "snapshot")?,
            flag: HardwareOptions::from_bits_retain(message.flag),
            luns: message.luns,
        })
    }
}

fn decision_to(decision: &IdentityDecision) -> (v1::IdentityDecision, String) {
    use v1::IdentityDecision as Wire;
    match decision {
        IdentityDecision::Reverted => (Wire::Reverted, String::new()),
        IdentityDecision::AlreadyOriginal => (Wire::AlreadyOriginal, String::new()),
        IdentityDecision::Kept => (Wire::Kept, String::new()),
        IdentityDecision::KeptOnCollision(why) => (Wire::KeptOnCollision, why.clone()),
        IdentityDecision::Masked => (Wire::Masked, String::new()),
    }
}

fn decision_from(number: i32, reason: String, field: &str) -> Result<IdentityDecision, Fault> {
    use v1::IdentityDecision as Wire;
    let decision = match Wire::try_from(number) {
        Ok(Wire::Reverted) => Some(IdentityDecision::Reverted),
        Ok(Wire::AlreadyOriginal) => Some(IdentityDecision::AlreadyOriginal),
        Ok(Wire::Kept) => Some(IdentityDecision::Kept),
        Ok(Wire::KeptOnCollision) => Some(IdentityDecision::KeptOnCollision(reason)),
        Ok(Wire::Masked) => Some(IdentityDecision::Masked),
        Ok(Wire::Unspecified) | Err(_) => None,
    };
    known(decision, number, field)
}

impl Wire for DiskPlan {
    type Message = v1::DiskPlan;

    fn to_wire(&self) -> v1::DiskPlan {
        let (identity, identity_reason) = decision_to(&self.identity);
        v1::DiskPlan {
            lun: self.lun.clone(),
            device: path_to(&self.device),
            identity: identity.into(),
            identity_reason,
            before: self.before.as_ref().map(Identity::to_wire),
            after: self.after.as_ref().map(Identity::to_wire),
            patch: Some(self.patch.to_wire()),
            fallback: Some(self.fallback.to_wire()),
            read_only_before: self.read_only_before,
            read_only_after: self.read_only_after,
        }
    }

    fn from_wire(message: v1::DiskPlan) -> Result<Self, Fault> {
        Ok(Self {
            lun: message.lun,
            device: path_from(message.device),
            identity: decision_from(message.identity, message.identity_reason, "identity")?,
            before: optional(message.before, "before")?,
            after: optional(message.after, "after")?,
            patch: needed(message.patch, "patch")?,
            fallback: needed(message.fallback, "fallback")?,
            read_only_before: message.read_only_before,
            read_only_after: message.read_only_after,
        })
    }
}

impl Wire for BreakPlan {
    type Message = v1::BreakPlan;

    fn to_wire(&self) -> v1::BreakPlan {
        v1::BreakPlan {
            set_id: self.set_id.to_string(),
            flags: self.flags.bits(),
            notices: list_to(&self.notices),
            disks: list_to(&self.disks),
        }
    }

    fn from_wire(message: v1::BreakPlan) -> Result<Self, Fault> {
        Ok(Self {
            set_id: id(&message.set_id, "set_id")?,
            flags: report::flags(message.flags, "flags")?,
            notices: list_from(message.notices, "notices")?,
            disks: list_from(message.disks, "disks")?,
        })
    }
}
