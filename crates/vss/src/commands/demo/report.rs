//! What remains to be said when the demonstration is over.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use disk_identity::Identity;
use serde::Serialize;
use vss_model::SetId;
use vss_service::{AuditRecord, BreakPlan};

use crate::commands::break_set::{BreakJson, PlanJson};
use crate::failure::Failure;
use crate::output::{IdentityJson, OperationJson, Paint, Table, micros, print_text};

/// The same for disks of one's own.
const RECIPE: &str = "\
The same with disks of your own:
  vss lun adopt app /path/to/app.img
  vss lun adopt log /path/to/log.img
  vss create app log
  vss lun mask app log
  vss break SET --read-write --revert-identity all --dry-run
  vss break SET --read-write --revert-identity all
";

/// One disk through the whole story.
#[derive(Debug)]
pub(super) struct DiskStory {
    /// Name of the original.
    pub(super) name: &'static str,
    /// What was on its partitions.
    pub(super) contents: String,
    /// The record on the original at the end.
    pub(super) original_record: String,
    /// The record on the disk in its place.
    pub(super) copy_record: String,
    /// Who the original was.
    pub(super) before: Identity,
    /// Who the copy became at import.
    pub(super) imported: Identity,
    /// Who it is after the break.
    pub(super) after: Identity,
}

/// Everything that took place.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) set: SetId,
    pub(super) created: Arc<AuditRecord>,
    pub(super) broken: Arc<AuditRecord>,
    pub(super) plan: BreakPlan,
    pub(super) disks: Vec<DiskStory>,
    pub(super) elapsed: Duration,
}

#[derive(Debug, Serialize)]
struct ReportJson<'a> {
    set_id: SetId,
    create: OperationJson<'a>,
    plan: PlanJson<'a>,
    r#break: BreakJson<'a>,
    disks: Vec<DiskJson<'a>>,
    elapsed_micros: u64,
    kept: Option<String>,
}

#[derive(Debug, Serialize)]
struct DiskJson<'a> {
    name: &'a str,
    contents: &'a str,
    original_record: &'a str,
    copy_record: &'a str,
    before: IdentityJson<'a>,
    imported: IdentityJson<'a>,
    after: IdentityJson<'a>,
}

impl Report {
    /// The object that scripts read.
    pub(super) fn json(&self, kept: Option<&Path>) -> impl Serialize {
        ReportJson {
            set_id: self.set,
            create: OperationJson::from(&*self.created),
            plan: PlanJson::from(&self.plan),
            r#break: BreakJson::from(&*self.broken),
            disks: self
                .disks
                .iter()
                .map(|disk| DiskJson {
                    name: disk.name,
                    contents: &disk.contents,
                    original_record: &disk.original_record,
                    copy_record: &disk.copy_record,
                    before: IdentityJson::new(&disk.before),
                    imported: IdentityJson::new(&disk.imported),
                    after: IdentityJson::new(&disk.after),
                })
                .collect(),
            elapsed_micros: self.micros(),
            kept: kept.map(|path| path.display().to_string()),
        }
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX)
    }

    /// The end of the story: who the disks were and are, and how to do the same.
    pub(super) fn print_end(&self, kept: Option<&Path>) -> Result<(), Failure> {
        let paint = Paint::stdout();
        let mut text = format!("\n{}\n", paint.bold("Who the disks were and are"));
        for disk in &self.disks {
            let mut table = Table::new(&["", "ORIGINAL", "COPY AT IMPORT", "AFTER THE BREAK"]);
            let all = [&disk.before, &disk.imported, &disk.after];
            let ids = all.map(|identity| {
                identity
                    .disk_id
                    .map_or_else(|| "-".to_owned(), |id| id.to_string())
            });
            row(&mut table, format!("disk {}", disk.name), ids);
            for partition in &disk.before.partitions {
                let ids = all.map(|identity| {
                    identity
                        .partitions
                        .iter()
                        .find(|other| other.index == partition.index)
                        .map_or_else(|| "-".to_owned(), |found| found.id.to_string())
                });
                row(&mut table, format!("  part {}", partition.index), ids);
            }
            text.push_str(&table.render(paint, "  "));
            text.push_str(&format!(
                "  record in its place: {:?} (masked original: {:?})\n",
                disk.copy_record, disk.original_record
            ));
        }
        text.push_str(&format!(
            "\nAll of it took {}.\n\n{RECIPE}",
            micros(self.micros())
        ));
        match kept {
            Some(path) => text.push_str(&format!(
                "\nThe folder is kept: {0}\n  vss --state {0}/state lun list\n",
                path.display()
            )),
            None => text.push_str(
                "\nThe folder of the demonstration is removed (vss demo --keep leaves it).\n",
            ),
        }
        print_text(&text)
    }
}

fn row(table: &mut Table, what: String, [before, imported, after]: [String; 3]) {
    table.row([what, before, imported, after]);
}
