//! Documents, in and out.

use proptest::prelude::*;
use vss_model::{
    BackupType, ComponentType, ErrorKind, RestoreTarget, ResultCode, RollForwardType, WriterId,
    WriterInstanceId,
};

use super::component::{DifferencedFile, DirectedTarget, Failure, PartialFile};
use super::{
    BackupComponentsDocument, DocumentComponent, FileDescriptor, RestoreSubcomponent,
    WriterMetadata,
};

const WRITER: &str = "5affb034-969f-4919-8875-88f830d0ef89";
const INSTANCE: &str = "c56a4180-65aa-42ec-a945-5fd21dec0538";

fn writer() -> WriterId {
    WRITER.parse().unwrap()
}

fn instance() -> WriterInstanceId {
    INSTANCE.parse().unwrap()
}

fn component(name: &str) -> DocumentComponent {
    DocumentComponent::new(
        ComponentType::Database,
        Some("a\\b".to_owned()),
        name.to_owned(),
    )
}

/// Everything that a component can hold.
fn full(text: &str) -> DocumentComponent {
    let some = Some(text.to_owned());
    let owned = text.to_owned();
    let mut one = component("full");
    one.backup_succeeded = true;
    one.selected_for_restore = true;
    one.additional_restores = true;
    one.authoritative_restore = true;
    one.restore_target = RestoreTarget::Directed;
    one.roll_forward_type = RollForwardType::Partial;
    one.roll_forward_point = some.clone();
    one.restore_name = some.clone();
    one.backup_options = some.clone();
    one.restore_options = some.clone();
    one.backup_stamp = some.clone();
    one.previous_backup_stamp = some.clone();
    one.backup_metadata = some.clone();
    one.restore_metadata = some.clone();
    one.pre_restore_failure_msg = some.clone();
    one.post_restore_failure_msg = some.clone();
    one.prepare_for_backup_failure_msg = some.clone();
    one.post_snapshot_failure_msg = some.clone();
    one.failure = Some(Failure {
        code: ResultCode(0x8004_23f3),
        application_code: u32::MAX,
        application_message: some.clone(),
    });
    let moved = FileDescriptor::moved(owned.clone(), "*".to_owned(), true, owned.clone());
    one.alternate_location_mappings = vec![moved.clone(), moved.clone()];
    one.new_targets = vec![moved];
    one.partial_files = vec![PartialFile {
        path: owned.clone(),
        filename: owned.clone(),
        ranges: some.clone(),
        metadata: None,
    }];
    one.directed_targets = vec![DirectedTarget {
        source_path: owned.clone(),
        source_filename: owned.clone(),
        source_ranges: some.clone(),
        destination_path: owned.clone(),
        destination_filename: owned.clone(),
        destination_ranges: None,
    }];
    one.restore_subcomponents = vec![RestoreSubcomponent {
        logical_path: None,
        component_name: owned.clone(),
        repair: true,
    }];
    one.differenced_files = vec![DifferencedFile {
        path: owned.clone(),
        filespec: owned,
        recursive: false,
        lsn: some,
        last_modify_time: u64::MAX,
    }];
    one
}

#[test]
fn a_new_document_is_read_back() {
    let document = BackupComponentsDocument::default();
    let text = document.to_xml();
    assert_eq!(BackupComponentsDocument::parse(&text).unwrap(), document);
    // As vshadow writes it and readers must bear it (spec: requester §11).
    let with_mark = format!("\u{feff}{text}\0");
    assert_eq!(
        BackupComponentsDocument::parse(&with_mark).unwrap(),
        document
    );
}

proptest! {
    #[test]
    fn whatever_a_component_says_is_read_back(text in "[^\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\u{fffe}\\u{ffff}]{0,20}") {
        let mut document = BackupComponentsDocument {
            context: Some(u32::MAX),
            select_components: true,
            backup_type: BackupType::Log,
            ..BackupComponentsDocument::default()
        };
        document.add_component(writer(), instance(), full(&text)).unwrap();
        let read = BackupComponentsDocument::parse(&document.to_xml()).unwrap();
        prop_assert_eq!(read, document);
    }

    #[test]
    fn no_text_makes_the_reader_fall(text in "(<|>|/|&|\"|=| |a|!|\\[|\\]|-|;|#|x){0,60}") {
        let _ = BackupComponentsDocument::parse(&text);
        let _ = WriterMetadata::parse(&text);
    }
}

#[test]
fn what_nobody_knows_is_kept() {
    let text = concat!(
        r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata" later="1">"#,
        r#"<WRITER_COMPONENTS writerId="{5AFFB034-969F-4919-8875-88F830D0EF89}" extra="2">"#,
        r#"<q:COMPONENT xmlns:q="urn:openvss:document:1" componentType="2" componentName="n" odd="3">"#,
        r#"<y:Z xmlns:y="urn:other" y:w="4">five</y:Z></q:COMPONENT></WRITER_COMPONENTS>"#,
        r#"<SNAPSHOT_SET_DESCRIPTION snapshotSetId="6"><SNAPSHOT_DESCRIPTION snapshotId="7"/>"#,
        r#"</SNAPSHOT_SET_DESCRIPTION><LATER>8</LATER></BACKUP_COMPONENTS>"#,
    );
    let mut document = BackupComponentsDocument::parse(text).unwrap();
    assert_eq!(document.writers[0].writer_id, writer());
    document
        .component_mut(writer(), None, ComponentType::FileGroup, Some(""), "n")
        .unwrap()
        .backup_succeeded = true;
    let written = document.to_xml();
    for kept in [
        "later=\"1\"",
        "extra=\"2\"",
        "odd=\"3\"",
        "w=\"4\"",
        ">five<",
        "\"6\"",
        "\"7\"",
        ">8<",
    ] {
        assert!(written.contains(kept), "{kept} in {written}");
    }
    assert_eq!(BackupComponentsDocument::parse(&written).unwrap(), document);
}

#[test]
fn components_are_added_once_and_found_by_their_key() {
    let mut document = BackupComponentsDocument::default();
    let add = |document: &mut BackupComponentsDocument, name: &str| {
        document.add_component(writer(), instance(), component(name))
    };
    add(&mut document, "one").unwrap();
    add(&mut document, "two").unwrap();
    let twice = add(&mut document, "one").unwrap_err();
    assert_eq!(twice.kind(), ErrorKind::ObjectAlreadyExists);
    assert_eq!(document.writers.len(), 1);
    let other = WriterInstanceId::from_uuid(uuid::Uuid::max());
    let database = ComponentType::Database;
    for (instance, kind, path, name, is_there) in [
        (None, database, "a\\b", "one", true),
        (Some(instance()), database, "a\\b", "two", true),
        (Some(other), database, "a\\b", "one", false),
        (None, ComponentType::FileGroup, "a\\b", "one", false),
        (None, database, "a", "one", false),
        (None, database, "a\\b", "three", false),
    ] {
        let found = document.component_mut(writer(), instance, kind, Some(path), name);
        assert_eq!(found.is_ok(), is_there, "{path} {name}");
        if let Err(error) = found {
            assert_eq!(error.kind(), ErrorKind::ObjectNotFound);
        }
    }
}

#[test]
fn what_is_no_document_is_refused() {
    let root = |inner: &str| {
        format!(
            r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata">{inner}</BACKUP_COMPONENTS>"#
        )
    };
    let deep = format!("{}{}", "<a>".repeat(200_000), "</a>".repeat(200_000));
    let bomb = concat!(
        r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>"#,
        r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata">&b;</BACKUP_COMPONENTS>"#,
    );
    for text in [
        "",
        "x",
        "<",
        "<BACKUP_COMPONENTS/>",
        r#"<OTHER xmlns="x-schema:#VssComponentMetadata"/>"#,
        r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata">"#,
        bomb,
        &deep,
        &root(&deep),
        &root(r#"<WRITER_COMPONENTS writerId="x"/>"#),
        &root(r#"<BACKUP_STATE xmlns="urn:openvss:document:1" backupType="7"/>"#),
        &root(
            r#"<BACKUP_STATE xmlns="urn:openvss:document:1" backupType="99999999999999999999"/>"#,
        ),
        &root(r#"<BACKUP_STATE xmlns="urn:openvss:document:1" selectComponents="true"/>"#),
        &root(
            r#"<WRITER_COMPONENTS><COMPONENT xmlns="urn:openvss:document:1"/></WRITER_COMPONENTS>"#,
        ),
    ] {
        let start: String = text.chars().take(60).collect();
        let error = BackupComponentsDocument::parse(text).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidXmlDocument, "{start}");
    }
}

#[test]
fn a_writers_metadata_are_read_and_written() {
    let text = concat!(
        r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo" backupSchema="3">"#,
        r#"<IDENTIFICATION writerId="5affb034-969f-4919-8875-88f830d0ef89" "#,
        r#"instanceId="c56a4180-65aa-42ec-a945-5fd21dec0538" friendlyName="Test" usage="3" "#,
        r#"dataSource="1" majorVersion="2" minorVersion="4"/>"#,
        r#"<BACKUP_LOCATIONS><DATABASE logicalPath="l" componentName="c" caption="d" "#,
        r#"selectable="yes" componentFlags="1"><DATABASE_FILES path="p" filespec="*.db" "#,
        r#"filespecBackupType="3855"/><DATABASE_LOGFILES path="p" filespec="*.log"/></DATABASE>"#,
        r#"<FILE_GROUP componentName="g"><FILE_LIST path="q" filespec="*" recursive="yes"/>"#,
        r#"<ICON xmlns="urn:openvss:document:1">00ff10</ICON>"#,
        r#"<DEPENDENCY xmlns="urn:openvss:document:1" writerId="5affb034-969f-4919-8875-88f830d0ef89" componentName="c"/>"#,
        r#"</FILE_GROUP></BACKUP_LOCATIONS><EXCLUDE_FILES path="x" filespec="*.tmp"/>"#,
        r#"<RESTORE_METHOD xmlns="urn:openvss:document:1" method="2" writerRestore="1" service="s">"#,
        r#"<ALTERNATE_LOCATION_MAPPING path="a" filespec="*" alternatePath="b"/></RESTORE_METHOD>"#,
        r#"</WRITER_METADATA>"#,
    );
    let metadata = WriterMetadata::parse(text).unwrap();
    assert_eq!(metadata.writer_name, "Test");
    assert_eq!(metadata.components.len(), 2);
    let (database, group) = (&metadata.components[0], &metadata.components[1]);
    assert_eq!(database.component_type, ComponentType::Database);
    assert_eq!(database.database_files[0].backup_type_mask, 3855);
    assert!(database.selectable && !database.selectable_for_restore);
    assert_eq!(group.icon, [0, 0xff, 0x10]);
    assert!(group.files[0].recursive);
    assert_eq!(group.dependencies[0].component_name, "c");
    let restore = metadata.restore_method.as_ref().unwrap();
    assert_eq!(restore.mappings[0].alternate_location.as_deref(), Some("b"));
    assert_eq!(WriterMetadata::parse(&metadata.to_xml()).unwrap(), metadata);
    let lost =
        WriterMetadata::parse(r#"<WRITER_METADATA xmlns="x-schema:#VssWriterMetadataInfo"/>"#);
    assert_eq!(lost.unwrap_err().kind(), ErrorKind::InvalidXmlDocument);
}

/// Signs that other writers need not escape do not count as tags.
#[test]
fn signs_in_texts_are_no_tags() {
    let one = r#"<SNAPSHOT_DESCRIPTION snapshotId="a > b"/>"#;
    let text = format!(
        r#"<BACKUP_COMPONENTS xmlns="x-schema:#VssComponentMetadata"><!-- {} --><SNAPSHOT_SET_DESCRIPTION>{}</SNAPSHOT_SET_DESCRIPTION></BACKUP_COMPONENTS>"#,
        "<a>".repeat(500),
        one.repeat(500)
    );
    BackupComponentsDocument::parse(&text).unwrap();
}
