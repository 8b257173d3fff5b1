//! Patches as things of their own: applied twice, torn, kept as text, or made up.

use std::cell::RefCell;
use std::io;

use disk_identity::{
    Applied, Change, DiskRead, DiskWrite, ErrorKind, MemoryDisk, Patch, PatchState, observe,
};

use crate::gpt::{everything, seen};
use crate::images::{Gpt, ids, mbr};

/// A disk which counts writes and syncs, and fails the n-th of either.
struct Counting {
    disk: MemoryDisk,
    log: RefCell<Vec<&'static str>>,
    fail_at: Option<usize>,
}

impl Counting {
    fn new(image: &[u8], fail_at: Option<usize>) -> Self {
        Self {
            disk: MemoryDisk::new(image.to_vec()),
            log: RefCell::default(),
            fail_at,
        }
    }

    fn note(&self, what: &'static str) -> io::Result<()> {
        let mut log = self.log.borrow_mut();
        let fails = self.fail_at == Some(log.len());
        log.push(what);
        if fails {
            return Err(io::Error::other("fault"));
        }
        Ok(())
    }
}

impl DiskRead for Counting {
    fn len_bytes(&self) -> io::Result<u64> {
        self.disk.len_bytes()
    }

    fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
        assert_eq!(buf.len() % 512, 0);
        self.disk.read_exact_at(buf, offset)
    }
}

impl DiskWrite for Counting {
    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        assert_eq!((buf.len() % 512, offset % 512), (0, 0));
        self.note("write")?;
        self.disk.write_all_at(buf, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.note("sync")
    }
}

fn planned(spec: &Gpt) -> (Vec<u8>, Patch) {
    let image = spec.build();
    let before = seen(spec, &image);
    let patch = before.plan(&everything(&before)).unwrap();
    (image, patch)
}

#[test]
fn one_write_for_neighbours_and_one_sync_for_a_stage() {
    let (image, patch) = planned(&Gpt::new(512, 128));
    let disk = Counting::new(&image, None);
    patch.apply(&disk).unwrap();
    // Primary: header and first entries are neighbours. Backup: entries, then the header.
    let log = ["write", "write", "sync", "write", "sync"];
    assert_eq!(*disk.log.borrow(), log);
    disk.log.borrow_mut().clear();
    assert_eq!(patch.apply(&disk).unwrap(), Applied::AlreadySo);
    assert_eq!(*disk.log.borrow(), ["sync", "sync"]);
    disk.log.borrow_mut().clear();
    Patch::default().apply(&disk).unwrap();
    assert!(disk.log.borrow().is_empty());
}

#[test]
fn a_failed_write_can_be_finished_or_taken_back() {
    let (image, patch) = planned(&Gpt::new(512, 128));
    let done = MemoryDisk::new(image.clone());
    patch.apply(&done).unwrap();
    let done = done.into_bytes();
    for fail_at in 0..5 {
        let disk = Counting::new(&image, Some(fail_at));
        let error = patch.apply(&disk).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(std::error::Error::source(&error).is_some());
        let torn = disk.disk.into_bytes();
        for (patch, wanted) in [(&patch, &done), (&patch.inverse(), &image)] {
            let disk = MemoryDisk::new(torn.clone());
            patch.apply(&disk).unwrap();
            assert!(disk.into_bytes() == *wanted);
        }
    }
}

#[test]
fn a_foreign_byte_stops_everything() {
    let (image, patch) = planned(&Gpt::new(512, 128));
    let last = patch.edits().last().unwrap();
    let mut bytes = image;
    bytes[usize::try_from(last.offset).unwrap()] ^= 0x11;
    let disk = Counting::new(&bytes, None);
    let error = patch.apply(&disk).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Changed);
    assert!(
        error.to_string().contains(&last.offset.to_string()),
        "{error}"
    );
    assert!(disk.log.borrow().is_empty());
    assert_eq!(patch.state_on(&disk).unwrap(), PatchState::Foreign);
}

/// Old and new bytes mixed within 512 bytes cannot come from a torn write.
#[test]
fn a_mixture_within_an_atom_is_foreign() {
    let (image, patch) = planned(&Gpt::new(512, 128));
    let mut bytes = image;
    let edit = patch.edits().next().unwrap();
    bytes[usize::try_from(edit.offset).unwrap()] = edit.new[0];
    let disk = MemoryDisk::new(bytes);
    assert_eq!(patch.state_on(&disk).unwrap(), PatchState::Foreign);
}

#[test]
fn whole_logical_sectors_are_written() {
    struct Aligned(MemoryDisk);
    impl DiskRead for Aligned {
        fn len_bytes(&self) -> io::Result<u64> {
            self.0.len_bytes()
        }
        fn read_exact_at(&self, buf: &mut [u8], offset: u64) -> io::Result<()> {
            self.0.read_exact_at(buf, offset)
        }
    }
    impl DiskWrite for Aligned {
        fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
            assert_eq!((buf.len() % 4096, offset % 4096), (0, 0));
            self.0.write_all_at(buf, offset)
        }
        fn sync(&self) -> io::Result<()> {
            Ok(())
        }
    }
    let (image, patch) = planned(&Gpt::new(4096, 128));
    patch.apply(&Aligned(MemoryDisk::new(image))).unwrap();
}

#[test]
fn json_and_back() {
    let mut spec = Gpt::new(512, 128);
    spec.hybrid = Some(77);
    let (image, patch) = planned(&spec);
    let json = serde_json::to_string(&patch).unwrap();
    assert_eq!(serde_json::from_str::<Patch>(&json).unwrap(), patch);

    // What a journal holds must stay readable; fields for people may be missing.
    let text = r#"{"sector_size":512,"stages":[{"what":"mbr","edits":
        [{"offset":440,"old":"4d000000","new":"01020304"}]}]}"#;
    let patch: Patch = serde_json::from_str(text).unwrap();
    assert_eq!(patch.bytes_changed(), 4);
    patch.apply(&MemoryDisk::new(image.clone())).unwrap();

    let identity = seen(&spec, &image).identity().clone();
    let json = serde_json::to_string(&identity).unwrap();
    assert!(
        json.contains(r#""table":"gpt","sector_size":512"#),
        "{json}"
    );
    let back: disk_identity::Identity = serde_json::from_str(&json).unwrap();
    assert_eq!(back, identity);
    let change = Change::fresh(&identity, &mut ids(1));
    let json = serde_json::to_string(&change).unwrap();
    assert_eq!(serde_json::from_str::<Change>(&json).unwrap(), change);
    assert!(serde_json::to_string(seen(&spec, &image).warnings()).is_ok());
}

#[test]
fn parts_make_the_same_patch() {
    let (image, patch) = planned(&Gpt::new(4096, 128));
    let again = Patch::from_parts(patch.sector_size(), patch.stages().to_vec());
    assert_eq!(again, patch);
    let foreign = Patch::from_parts(patch.sector_size(), patch.inverse().stages().to_vec());
    assert_ne!(foreign, patch);
    let disk = MemoryDisk::new(image);
    assert_eq!(again.apply(&disk).unwrap(), Applied::Changed);
    assert_eq!(patch.apply(&disk).unwrap(), Applied::AlreadySo);
}

#[test]
fn made_up_patches_are_refused() {
    let cases = [
        ("empty edit", r#"{"offset":0,"old":"","new":""}"#),
        ("lengths", r#"{"offset":0,"old":"00","new":"0001"}"#),
        ("outside", r#"{"offset":65535,"old":"0000","new":"0101"}"#),
        (
            "far outside",
            r#"{"offset":18446744073709551615,"old":"0000","new":"0101"}"#,
        ),
        (
            "overlap",
            r#"{"offset":1,"old":"0000","new":"0101"},{"offset":0,"old":"0000","new":"0101"}"#,
        ),
    ];
    for (name, edits) in cases {
        let text =
            format!(r#"{{"sector_size":512,"stages":[{{"what":"mbr","edits":[{edits}]}}]}}"#);
        let patch: Patch = serde_json::from_str(&text).unwrap();
        assert!(!patch.is_sane(65536), "{name}");
        let disk = MemoryDisk::new(vec![0; 65536]);
        assert_eq!(
            patch.apply(&disk).unwrap_err().kind(),
            ErrorKind::InvalidPatch,
            "{name}"
        );
        assert!(patch.state_on(&disk).is_err());
        let seen = observe(&disk, None).unwrap();
        assert!(seen.with_patch(&patch).is_err());
        assert!(seen.plan_restore(&patch, &Change::default()).is_err());
    }
    for text in [r#"{"sector_size":520,"stages":[]}"#, r#"{"stages":[]}"#] {
        assert!(serde_json::from_str::<Patch>(text).is_err());
    }
    // Edits in any order, and bytes that no table holds, are sane but not observed.
    let text = r#"{"sector_size":512,"stages":[{"what":"mbr","edits":
        [{"offset":9000,"old":"00","new":"01"},{"offset":511,"old":"0000","new":"0101"}]}]}"#;
    let patch: Patch = serde_json::from_str(text).unwrap();
    let disk = MemoryDisk::new(vec![0; 65536]);
    let before = observe(&disk, None).unwrap();
    assert_eq!(
        before.with_patch(&patch).unwrap_err().kind(),
        ErrorKind::Changed
    );
    patch.apply(&disk).unwrap();
    assert_eq!(patch.state_on(&disk).unwrap(), PatchState::After);
    let bytes = disk.into_bytes();
    assert_eq!((bytes[511], bytes[512], bytes[9000]), (1, 1, 1));
}

#[test]
fn the_listing_of_a_dry_run() {
    let image = mbr(0x1234_abcd, &[(0, 0x83, 8, 16)]);
    let before = observe(&MemoryDisk::new(image), None).unwrap();
    let change = Change {
        disk_id: Some(disk_identity::DiskId::Signature(0x5678_ef01)),
        ..Change::default()
    };
    let patch = before.plan(&change).unwrap();
    assert_eq!(
        patch.to_string(),
        "1. MBR\n   0x0000000001b8  disk signature        cdab3412 -> 01ef7856"
    );
    assert_eq!(Patch::default().to_string(), "no change");

    let mut spec = Gpt::new(512, 128);
    spec.hybrid = Some(77);
    let listing = planned(&spec).1.to_string();
    for word in [
        "1. backup GPT",
        "2. primary GPT",
        "3. MBR",
        "disk GUID",
        "header checksum",
        "entries checksum",
        "entry 2 GUID",
        "entry 5 attributes",
        "disk signature",
    ] {
        assert!(listing.contains(word), "{word} is not in\n{listing}");
    }
}

#[test]
fn with_patch_follows_apply() {
    let spec = Gpt::new(512, 128);
    let (image, patch) = planned(&spec);
    let before = seen(&spec, &image);
    let after = before.with_patch(&patch).unwrap();
    assert_ne!(after.identity(), before.identity());
    assert_eq!(
        after.with_patch(&patch).unwrap().identity(),
        after.identity()
    );
    let back = after.with_patch(&patch.inverse()).unwrap();
    assert_eq!(back.identity(), before.identity());
    let other = before
        .plan(&Change::fresh(before.identity(), &mut ids(70)))
        .unwrap();
    assert_eq!(
        after.with_patch(&other).unwrap_err().kind(),
        ErrorKind::Changed
    );
}
