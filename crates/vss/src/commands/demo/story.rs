//! The story of the demonstration, told by the code of the commands themselves.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use disk_identity::Identity;
use uuid::Uuid;
use vss_model::{Error, ErrorKind, HardwareOptions, ProviderId};
use vss_service::{Adopt, AdoptLun};

use super::content::{Content, fill, read_record};
use super::disks::{self, DemoDisk};
use super::io_failed;
use super::report::{DiskStory, Report};
use crate::app::App;
use crate::commands::{break_set, create, identity};
use crate::failure::Failure;
use crate::output::{Paint, identity_table, print_text};
use crate::work::Interrupt;

/// Says a chapter, unless scripts listen or somebody has pressed Ctrl-C.
struct Teller<'a> {
    app: &'a App,
    interrupt: Interrupt,
    chapter: u32,
}

impl Teller<'_> {
    fn chapter(&mut self, title: &str) -> Result<(), Failure> {
        if self.interrupt.take() {
            return Err(
                Error::new(ErrorKind::Unexpected, "the demonstration was interrupted").into(),
            );
        }
        self.chapter += 1;
        let head = format!("\n{}. {title}", self.chapter);
        self.say(&Paint::stdout().bold(&head))
    }

    fn say(&self, text: &str) -> Result<(), Failure> {
        if self.app.json {
            return Ok(());
        }
        print_text(&format!("{}\n", text.trim_end_matches('\n')))
    }
}

/// Plays it in a folder.
pub(super) fn tell(app: &App, folder: &Path) -> Result<Report, Failure> {
    let began = Instant::now();
    let paint = Paint::stdout();
    let mut teller = Teller {
        app,
        interrupt: Interrupt::watch()?,
        chapter: 0,
    };
    teller.chapter("Two disks of one application: app (GPT, two partitions) and log (MBR)")?;
    let mut disks = Vec::new();
    for make in [disks::app, disks::log] {
        disks.push(Original::make(folder, make)?);
    }
    for disk in &disks {
        teller.say(&format!("  {}: {}", disk.disk.name, disk.contents()))?;
        teller.say(&format!("    record: {:?}", disk.read(&disk.file)?))?;
    }

    teller.chapter("vss lun adopt: both become LUNs of the embedded array")?;
    let service = app.service()?;
    let service = &*service;
    for disk in &disks {
        service.adopt_lun(&AdoptLun {
            name: disk.disk.name.to_owned(),
            file: disk.file.clone(),
            how: Adopt::Link,
            sector_size: None,
            present: true,
        })?;
    }
    let before = identities(&disks, |disk| Ok(disk.file.clone()))?;
    for (disk, identity) in disks.iter().zip(&before) {
        teller.say(&format!("  {}", disk.disk.name))?;
        teller.say(&identity_table(identity, paint, "    "))?;
    }

    teller.chapter("vss create app log: both copied at one instant")?;
    let volumes: Vec<String> = disks.iter().map(|disk| disk.disk.name.to_owned()).collect();
    let created = create::create(app, service, &volumes, ProviderId::NULL, false)?;
    teller.say(&create::text(&created, paint))?;
    let device_of = |disk: &Original| {
        created
            .set
            .luns
            .iter()
            .find(|lun| lun.original_name == disk.disk.name)
            .map(|lun| lun.device.clone())
            .ok_or_else(|| unexpected(&format!("there is no copy of {}", disk.disk.name)))
    };
    let imported = identities(&disks, device_of)?;

    teller.chapter("Somebody makes a mistake on the originals")?;
    for disk in &mut disks {
        disk.spoil()?;
        teller.say(&format!(
            "  {}: {:?}",
            disk.disk.name,
            disk.read(&disk.file)?
        ))?;
        let copy = disk.read(&device_of(disk)?)?;
        teller.say(&format!("  its copy: {copy:?}"))?;
        if copy != disk.good || disk.read(&disk.file)? == copy {
            return Err(unexpected("the copy is not the original of the instant"));
        }
    }

    teller.chapter("vss lun mask app log: the originals leave this host")?;
    service.mask_luns(&volumes)?;

    teller.chapter("vss break --read-write --revert-identity all --dry-run: the plan")?;
    let set = created.set.set_id;
    let flags =
        HardwareOptions::BREAKEX_MAKE_READ_WRITE | HardwareOptions::BREAKEX_REVERT_IDENTITY_ALL;
    let plan = service.plan_break(set, flags.bits())?;
    teller.say(&break_set::plan_text(&plan, paint))?;

    teller.chapter("vss break --read-write --revert-identity all: the copies take their place")?;
    let broken = break_set::break_set(app, service, set, flags.bits())?;
    teller.say(&break_set::broken_text(&broken, paint))?;
    let after = identities(&disks, device_of)?;
    if after != before {
        return Err(unexpected(
            "the disks did not get their originals' identity back",
        ));
    }
    let mut stories = Vec::new();
    for (((disk, before), imported), after) in disks.iter().zip(before).zip(imported).zip(after) {
        stories.push(DiskStory {
            name: disk.disk.name,
            contents: disk.contents(),
            original_record: disk.read(&disk.file)?,
            copy_record: disk.read(&device_of(disk)?)?,
            before,
            imported,
            after,
        });
    }
    Ok(Report {
        set,
        created: Arc::clone(&created.report),
        broken,
        plan,
        disks: stories,
        elapsed: began.elapsed(),
    })
}

/// Who the disks are now.
fn identities(
    disks: &[Original],
    place: impl Fn(&Original) -> Result<std::path::PathBuf, Failure>,
) -> Result<Vec<Identity>, Failure> {
    disks
        .iter()
        .map(|disk| Ok(identity::look(&place(disk)?, None)?.identity().clone()))
        .collect()
}

fn unexpected(what: &str) -> Failure {
    Error::new(
        ErrorKind::Unexpected,
        format!("the demonstration did not go as it should: {what}"),
    )
    .into()
}

/// An original and what is on it.
#[derive(Debug)]
struct Original {
    disk: DemoDisk,
    file: std::path::PathBuf,
    contents: Vec<Content>,
    uuid: Uuid,
    good: String,
}

impl Original {
    fn make(folder: &Path, make: fn(&Path) -> std::io::Result<DemoDisk>) -> Result<Self, Failure> {
        let failed = |error| io_failed("make a disk in", folder, error);
        let scratch = folder.join("new.img");
        let disk = make(&scratch).map_err(failed)?;
        let file = folder.join(format!("{}.img", disk.name));
        fs::rename(&scratch, &file).map_err(failed)?;
        let good = format!("{}: balance 100", disk.name);
        let mut original = Self {
            disk,
            file,
            contents: Vec::new(),
            uuid: Uuid::new_v4(),
            good: good.clone(),
        };
        original.write(&good)?;
        Ok(original)
    }

    /// Fills the partitions: the record is in the first, the second just holds files.
    fn write(&mut self, record: &str) -> Result<(), Failure> {
        let wanted: &[&[Content]] = match self.disk.name {
            "log" => &[&[Content::Xfs, Content::Ext4]],
            _ => &[&[Content::Ext4], &[Content::Vfat]],
        };
        self.contents.clear();
        for (partition, wanted) in self.disk.partitions.iter().zip(wanted) {
            let content = fill(&self.file, partition, wanted, self.uuid, record)
                .map_err(|error| io_failed("fill", &self.file, error))?;
            self.contents.push(content);
        }
        Ok(())
    }

    fn spoil(&mut self) -> Result<(), Failure> {
        let bad = format!("{}: balance 0, all rows deleted by mistake", self.disk.name);
        self.write(&bad)
    }

    /// The record on the original or a copy of it.
    fn read(&self, place: &Path) -> Result<String, Failure> {
        let Some(partition) = self.disk.partitions.first() else {
            return Ok(String::new());
        };
        read_record(place, partition)
            .map_err(|error| io_failed("read", place, error))?
            .ok_or_else(|| unexpected(&format!("no record is on {}", place.display())))
    }

    fn contents(&self) -> String {
        let names: Vec<&str> = self.contents.iter().map(|content| content.name()).collect();
        names.join(" and ")
    }
}
