//! A shadow copy set in a Backup Components Document (spec: requester §11): its copies, the LUNs that
//! carry them and their originals, and what lies on those.

use disk_identity::PartitionIdentity;
use vss_model::LunInformation;
use vss_service::{CopyRecord, LunRecord, SetRecord};

use super::PUBLIC;
use super::tree::{Element, OWN};
use super::value::{boolean, hex};

/// The element of a set.
pub(super) fn describe(set: &SetRecord) -> Element {
    let copies = set.copies.iter().map(|copy| snapshot(set, copy));
    Element::new(PUBLIC, "SNAPSHOT_SET_DESCRIPTION")
        .with("snapshotSetId", set.set_id.to_string())
        .with("context", set.context.bits().to_string())
        .holding_all(copies)
}

fn snapshot(set: &SetRecord, copy: &CopyRecord) -> Element {
    let properties = &copy.properties;
    Element::new(PUBLIC, "SNAPSHOT_DESCRIPTION")
        .with("snapshotId", properties.snapshot_id.to_string())
        .with(
            "originalVolumeName",
            properties.original_volume_name.as_str(),
        )
        .with(
            "originatingMachine",
            properties.originating_machine.as_str(),
        )
        .with("serviceMachine", properties.service_machine.as_str())
        .with("providerId", properties.provider_id.to_string())
        .with(
            "snapshotAttributes",
            properties.snapshot_attributes.bits().to_string(),
        )
        .with(
            "creationTimestamp",
            properties.creation_timestamp.0.to_string(),
        )
        .holding_all(set.luns_of(copy).map(mapping))
}

fn mapping(lun: &LunRecord) -> Element {
    let source = Element::new(PUBLIC, "SOURCE_LUN").holding(information(&lun.original));
    let destination = Element::new(PUBLIC, "DESTINATION_LUN").holding(information(&lun.snapshot));
    let sector = u64::from(lun.sector_size);
    let parts = &lun.original_identity.partitions;
    Element::new(PUBLIC, "LUN_MAPPING")
        .holding(source)
        .holding(destination)
        .holding_all(parts.iter().map(|part| extent(part, sector)))
}

/// A partition: where it lies in bytes, who it is, and its attribute bits.
fn extent(partition: &PartitionIdentity, sector: u64) -> Element {
    let start = partition.start_lba.saturating_mul(sector);
    let sectors = partition
        .end_lba
        .saturating_sub(partition.start_lba)
        .saturating_add(1);
    Element::new(OWN, "PARTITION")
        .with("number", partition.index.to_string())
        .with("startingOffset", start.to_string())
        .with("extentLength", sectors.saturating_mul(sector).to_string())
        .with("partitionId", partition.id.to_string())
        .with("attributes", partition.attributes.to_string())
}

fn information(lun: &LunInformation) -> Element {
    let identifiers = lun.identifiers.iter().map(|identifier| {
        Element::new(OWN, "STORAGE_IDENTIFIER")
            .with("codeSet", identifier.code_set.value().to_string())
            .with("type", identifier.identifier_type.value().to_string())
            .with("identifier", hex(&identifier.bytes))
    });
    Element::new(PUBLIC, "LUN_INFORMATION")
        .with("deviceType", lun.device_type.to_string())
        .with("deviceTypeModifier", lun.device_type_modifier.to_string())
        .with("commandQueueing", boolean(lun.command_queueing))
        .with("busType", lun.bus_type.value().to_string())
        .with("vendorId", lun.vendor_id.as_str())
        .with("productId", lun.product_id.as_str())
        .with("productRevision", lun.product_revision.as_str())
        .with("serialNumber", lun.serial_number.as_str())
        .with("diskSignature", lun.disk_signature.to_string())
        .holding_all(identifiers)
}
