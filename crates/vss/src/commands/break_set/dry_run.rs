//! What `vss break --dry-run` shows.

use std::borrow::Cow;
use std::fmt::Write as _;

use disk_identity::Edit;
use serde::Serialize;
use vss_model::{HardwareOptions, SetId, SnapshotId};
use vss_service::{BreakPlan, DiskPlan, IdentityDecision, Notice};

use crate::output::{IdentityJson, Paint, identity_table, on_off, plain};

/// A plan as scripts read it.
#[derive(Debug, Serialize)]
pub(crate) struct PlanJson<'a> {
    set_id: SetId,
    flags: String,
    dry_run: bool,
    notices: Vec<NoticeJson<'a>>,
    disks: Vec<DiskJson<'a>>,
}

#[derive(Debug, Serialize)]
struct NoticeJson<'a> {
    snapshot: SnapshotId,
    flag: &'static str,
    value: String,
    luns: &'a [String],
}

#[derive(Debug, Serialize)]
struct DiskJson<'a> {
    lun: &'a str,
    device: Cow<'a, str>,
    decision: &'static str,
    reason: Option<&'a str>,
    before: Option<IdentityJson<'a>>,
    after: Option<IdentityJson<'a>>,
    edits: Vec<EditJson>,
    read_only: bool,
}

#[derive(Debug, Serialize)]
struct EditJson {
    offset: u64,
    field: String,
    old: String,
    new: String,
}

impl<'a> From<&'a BreakPlan> for PlanJson<'a> {
    fn from(plan: &'a BreakPlan) -> Self {
        Self {
            set_id: plan.set_id,
            flags: format!("{:#x}", plan.flags.bits()),
            dry_run: true,
            notices: plan.notices.iter().map(NoticeJson::from).collect(),
            disks: plan.disks.iter().map(DiskJson::from).collect(),
        }
    }
}

impl<'a> From<&'a Notice> for NoticeJson<'a> {
    fn from(notice: &'a Notice) -> Self {
        Self {
            snapshot: notice.snapshot,
            flag: flag_name(notice.flag),
            value: format!("{:#x}", notice.flag.bits()),
            luns: &notice.luns,
        }
    }
}

impl<'a> From<&'a DiskPlan> for DiskJson<'a> {
    fn from(disk: &'a DiskPlan) -> Self {
        let (decision, reason) = decision(&disk.identity);
        Self {
            lun: &disk.lun,
            device: disk.device.to_string_lossy(),
            decision,
            reason,
            before: disk.before.as_ref().map(IdentityJson::new),
            after: disk.after.as_ref().map(IdentityJson::new),
            edits: disk.patch.edits().map(EditJson::from).collect(),
            read_only: disk.read_only_after,
        }
    }
}

impl From<&Edit> for EditJson {
    fn from(edit: &Edit) -> Self {
        Self {
            offset: edit.offset,
            field: edit.field.to_string(),
            old: hex(&edit.old),
            new: hex(&edit.new),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn decision(decision: &IdentityDecision) -> (&'static str, Option<&str>) {
    match decision {
        IdentityDecision::Reverted => ("reverted", None),
        IdentityDecision::AlreadyOriginal => ("already-original", None),
        IdentityDecision::Kept => ("kept", None),
        IdentityDecision::KeptOnCollision(why) => ("kept-on-collision", Some(why)),
        IdentityDecision::Masked => ("masked", None),
    }
}

fn flag_name(flag: HardwareOptions) -> &'static str {
    if flag == HardwareOptions::DO_MASK_LUNS {
        "VSS_ONLUNSTATECHANGE_DO_MASK_LUNS"
    } else if flag == HardwareOptions::NOTIFY_READ_WRITE {
        "VSS_ONLUNSTATECHANGE_NOTIFY_READ_WRITE"
    } else {
        "VSS_ONLUNSTATECHANGE"
    }
}

/// A plan as people read it.
pub(crate) fn plan_text(plan: &BreakPlan, paint: Paint) -> String {
    let mut text = format!(
        "{} of set {} with flags {}; nothing is changed\n",
        paint.bold("plan of a break"),
        plan.set_id,
        plan.flags
    );
    for notice in &plan.notices {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "tell the provider: {} for copy {} ({})",
            flag_name(notice.flag),
            notice.snapshot,
            notice.luns.join(", ")
        );
    }
    for disk in &plan.disks {
        let state = match disk.identity {
            IdentityDecision::Masked => "out of sight",
            _ => on_off(Some(disk.read_only_after)),
        };
        let _ = writeln!(
            text,
            "\n{} {}\n  {}, {state}",
            paint.bold(&format!("LUN {}", disk.lun)),
            plain(&disk.device.display().to_string()),
            plain(&disk.identity.to_string())
        );
        if let (Some(before), Some(after)) = (&disk.before, &disk.after)
            && before != after
        {
            text.push_str("  now:\n");
            text.push_str(&identity_table(before, paint, "    "));
            text.push_str("  then:\n");
            text.push_str(&identity_table(after, paint, "    "));
        }
        if disk.patch.is_empty() {
            text.push_str("  no byte is written\n");
        } else {
            let _ = writeln!(text, "  {} bytes are written:", disk.patch.bytes_changed());
            for line in disk.patch.to_string().lines() {
                let _ = writeln!(text, "    {line}");
            }
        }
    }
    text
}
