//! The rules of COM, the objects that calls hand out, and the exports.

use std::fs;

use crate::place::{APP, LOG, Place};
use crate::program::windows_path;

/// Two writers with a component each; the first says all that is asked for.
const DOCUMENT: &str = r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata">
<WRITER_COMPONENTS writerId="5affb034-969f-4919-8875-88f830d0ef89" instanceId="c56a4180-65aa-42ec-a945-5fd21dec0538">
<o:COMPONENT xmlns:o="urn:openvss:document:1" componentType="1" logicalPath="a\b" componentName="db"
 backupSucceeded="yes" backupOptions="o&lt;p&amp;" rollForwardType="3" rollForwardPoint="noon">
<o:PARTIAL_FILE path="p" filename="f" ranges="0:1"/>
<o:NEW_TARGET path="n" filespec="*" recursive="yes" alternatePath="t"/>
<o:FAILURE code="0x800423f3"/>
</o:COMPONENT></WRITER_COMPONENTS>
<WRITER_COMPONENTS writerId="{4969D978-BE47-48B0-B100-F328F07AC1E0}">
<COMPONENT xmlns="urn:openvss:document:1" componentType="2" componentName="files"/>
</WRITER_COMPONENTS></BACKUP_COMPONENTS>"#;

const METADATA: &str = r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo">
<IDENTIFICATION writerId="5affb034-969f-4919-8875-88f830d0ef89" friendlyName="Test Writer" usage="3"/>
<BACKUP_LOCATIONS><DATABASE componentName="db" selectable="yes">
<DATABASE_LOGFILES path="p" filespec="*.log" filespecBackupType="3855"/>
</DATABASE></BACKUP_LOCATIONS></WRITER_METADATA>"#;

fn objects(what: &str, checks: usize) {
    let place = Place::new();
    place
        .program("objects")
        .arg(what)
        .arg(APP)
        .arg(LOG)
        .run()
        .good(checks);
    assert!(place.sets().is_empty() && place.copies().is_empty());
}

#[test]
fn interfaces() {
    objects("interfaces", 54);
}

#[test]
fn operations() {
    objects("operations", 9);
}

#[test]
fn enumerators() {
    objects("enumerators", 35);
}

#[test]
fn strings() {
    objects("strings", 12);
}

#[test]
fn exports() {
    objects("exports", 28);
}

#[test]
fn documents() {
    let place = Place::new();
    for (name, text) in [("bcd.xml", DOCUMENT), ("wmd.xml", METADATA)] {
        fs::write(place.path(name), text).unwrap();
    }
    place
        .program("objects")
        .arg("documents")
        .arg(windows_path(&place.path("bcd.xml")))
        .arg(windows_path(&place.path("wmd.xml")))
        .run()
        .good(97);
}
