//! Names, in and out.

use std::sync::Arc;

use vss_model::{ErrorKind, SnapshotId};

use super::{Drives, TableEntry, Volumes, device_object, device_of_mounted};

/// C: and E: with the volume names that Wine gives drives, and a folder on E:.
struct TwoDrives;

impl Drives for TwoDrives {
    fn roots(&self) -> Vec<String> {
        vec![r"C:\".into(), r"E:\".into()]
    }

    fn host_path(&self, path: &str) -> Option<String> {
        match path {
            r"C:\" => Some("/home/u/.wine/drive_c".into()),
            r"E:\" => Some("/links/e".into()),
            r"E:\wal\" => Some("/srv/db/wal".into()),
            _ => None,
        }
    }

    fn volume_name(&self, root: &str) -> Option<String> {
        match root {
            r"C:\" => Some(r"\\?\Volume{00000000-0000-0000-0000-000000000043}\".into()),
            r"E:\" => Some(r"\\?\Volume{00000000-0000-0000-0000-000000000045}\".into()),
            _ => None,
        }
    }

    fn paths_of(&self, volume: &str) -> Vec<String> {
        match volume {
            r"\\?\Volume{00000000-0000-0000-0000-000000000045}\" => vec![r"E:\".into()],
            _ => Vec::new(),
        }
    }

    fn root_of(&self, path: &str) -> Option<String> {
        path.get(..2).map(str::to_owned).filter(|d| d != "Q:")
    }

    fn windows_path(&self, host: &str) -> Option<String> {
        Some(format!(r"\\?\unix{}", host.replace('/', "\\")))
    }

    fn is_there(&self, path: &str) -> bool {
        path == r"\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy7\"
    }
}

fn volumes(table: &[(&str, &str)]) -> Volumes {
    let entry = |(windows, host): &(&str, &str)| TableEntry {
        windows: (*windows).to_owned(),
        host: (*host).to_owned(),
    };
    // The host calls E: by another name than the link that leads there.
    let resolve = |paths: &[String]| {
        let real = |path: &String| path.replace("/links/e", "/srv/db");
        Ok(paths.iter().map(real).collect())
    };
    Volumes::new(
        Arc::new(TwoDrives),
        table.iter().map(entry).collect(),
        resolve,
    )
    .unwrap()
}

const G: &str = r"\\?\Volume{c56a4180-65aa-42ec-a945-5fd21dec0538}\";

#[test]
fn names_lead_to_volumes_of_the_host() {
    let known = volumes(&[("F:", "db"), (G, "log/1"), (r"f:\mnt", "tmp")]);
    for (name, host) in [
        (r"E:\", "/srv/db"),
        (r"e:\", "/srv/db"),
        ("e:/", "/srv/db"),
        (r"E:\wal\", "/srv/db/wal"),
        (r"E:\\wal\", "/srv/db/wal"),
        (r"F:\", "db"),
        (r"f:\MNT\", "tmp"),
        (G, "log/1"),
        (
            r"\\?\volume{C56A4180-65AA-42EC-A945-5FD21DEC0538}\",
            "log/1",
        ),
        (
            r"\\?\Volume{00000000-0000-0000-0000-000000000045}\",
            "/srv/db",
        ),
        (
            r"\\?\Volume{11111111-65aa-42ec-a945-5fd21dec0538}\",
            "/dev/disk/by-partuuid/11111111-65aa-42ec-a945-5fd21dec0538",
        ),
    ] {
        let found = known.host_name(name, || Ok(Vec::new())).unwrap();
        assert_eq!(found, host, "{name}");
    }
}

#[test]
fn what_is_no_name_is_refused() {
    let known = volumes(&[]);
    for (name, kind) in [
        ("", ErrorKind::InvalidArgument),
        ("E:", ErrorKind::ObjectNotFound),
        (r"E:\wal", ErrorKind::ObjectNotFound),
        (r"Q:\", ErrorKind::ObjectNotFound),
        (r"\\?\Volume{c56a4180}\", ErrorKind::ObjectNotFound),
        (
            r"\\?\Volume{c56a4180-65aa-42ec-a945-5fd21dec0538}",
            ErrorKind::ObjectNotFound,
        ),
        (r"\\server\share\", ErrorKind::VolumeNotSupported),
        (r"\", ErrorKind::ObjectNotFound),
        ("é:\\", ErrorKind::ObjectNotFound),
    ] {
        let error = known.host_name(name, || Ok(Vec::new())).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}");
    }
}

#[test]
fn a_volume_keeps_its_name_and_its_name_leads_back() {
    let known = volumes(&[("F:", "db"), (G, "log/1")]);
    assert_eq!(
        known.windows_name("/srv/db"),
        r"\\?\Volume{00000000-0000-0000-0000-000000000045}\"
    );
    assert_eq!(known.windows_name("log/1"), G);
    for host in ["db", "elsewhere"] {
        let name = known.windows_name(host);
        assert_eq!(name, known.windows_name(host));
        let found = known.host_name(&name, || Ok(vec!["elsewhere".to_owned()]));
        assert_eq!(found.unwrap(), host, "{name}");
    }
    assert_ne!(known.windows_name("db"), known.windows_name("elsewhere"));
}

#[test]
fn paths_are_cut_at_their_volume() {
    let known = volumes(&[]);
    assert_eq!(known.root_of(r"C:\a\b").unwrap(), r"C:\");
    let lost = known.root_of(r"Q:\a").unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::ObjectNotFound);
    let share = known.root_of(r"\\server\share\a").unwrap_err();
    assert_eq!(share.kind(), ErrorKind::VolumeNotSupported);
}

#[test]
fn a_device_object_looks_as_it_does_on_windows() {
    let copy: SnapshotId = "ffffffff-0000-4000-8000-000000000000".parse().unwrap();
    assert_eq!(
        device_object(copy),
        r"\\?\GLOBALROOT\Device\HarddiskVolumeShadowCopy2147483647"
    );
    let copy: SnapshotId = "00000007-0000-4000-8000-000000000000".parse().unwrap();
    assert!(device_object(copy).ends_with("Copy7"));
    // The name of Windows where it opens, else one that does.
    let mounted = device_of_mounted(&TwoDrives, copy, "/run/x/HarddiskVolumeShadowCopy7");
    assert_eq!(mounted, device_object(copy));
    let copy: SnapshotId = "00000008-0000-4000-8000-000000000000".parse().unwrap();
    let mounted = device_of_mounted(&TwoDrives, copy, "/run/x/HarddiskVolumeShadowCopy8");
    assert_eq!(mounted, r"\\?\unix\run\x\HarddiskVolumeShadowCopy8");
}
