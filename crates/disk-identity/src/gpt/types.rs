//! GPT partition types that hold data volumes.
//!
//! Sources: for Microsoft's, the description of `PARTITION_INFORMATION_GPT`; for the others, the
//! [Discoverable Partitions Specification], table "Partition types". Left out on purpose are types
//! which hold no data volume of their own: EFI system, extended boot, swap, BIOS boot, Microsoft
//! reserved, and the verity hash and signature partitions.
//!
//! [Discoverable Partitions Specification]: https://uapi-group.org/specifications/specs/discoverable_partitions_specification/

use uuid::{Uuid, uuid};

/// Type and what people call it, in the order of the sources.
pub(crate) const DATA_VOLUMES: &[(Uuid, &str)] = &[
    (
        uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7"),
        "Microsoft basic data",
    ),
    (
        uuid!("af9b60a0-1431-4f62-bc68-3311714a69ad"),
        "Microsoft LDM data",
    ),
    (
        uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4"),
        "Linux file system",
    ),
    (uuid!("933ac7e1-2eb4-4f13-b844-0e14e2aef915"), "Linux /home"),
    (
        uuid!("773f91ef-66d4-49b5-bd83-d683bf40ad16"),
        "Linux user's home",
    ),
    (uuid!("3b8f8425-20e0-4f3b-907f-1a25a76f98e8"), "Linux /srv"),
    (uuid!("4d21b016-b534-45c2-a9fb-5c16e091fd2d"), "Linux /var"),
    (
        uuid!("7ec6f557-3bc5-4aca-b293-16ef5df639d1"),
        "Linux /var/tmp",
    ),
    (
        uuid!("6523f8ae-3eb1-4e2a-a05a-18b695ae656f"),
        "Linux root (Alpha)",
    ),
    (
        uuid!("d27f46ed-2919-4cb8-bd25-9531f3c16534"),
        "Linux root (ARC)",
    ),
    (
        uuid!("69dad710-2ce4-4e3c-b16c-21a1d49abed3"),
        "Linux root (32-bit ARM)",
    ),
    (
        uuid!("b921b045-1df0-41c3-af44-4c6f280d3fae"),
        "Linux root (64-bit ARM)",
    ),
    (
        uuid!("993d8d3d-f80e-4225-855a-9daf8ed7ea97"),
        "Linux root (Itanium)",
    ),
    (
        uuid!("77055800-792c-4f94-b39a-98c91b762bb6"),
        "Linux root (64-bit LoongArch)",
    ),
    (
        uuid!("e9434544-6e2c-47cc-bae2-12d6deafb44c"),
        "Linux root (32-bit MIPS, big-endian)",
    ),
    (
        uuid!("d113af76-80ef-41b4-bdb6-0cff4d3d4a25"),
        "Linux root (64-bit MIPS, big-endian)",
    ),
    (
        uuid!("37c58c8a-d913-4156-a25f-48b1b64e07f0"),
        "Linux root (32-bit MIPS, little-endian)",
    ),
    (
        uuid!("700bda43-7a34-4507-b179-eeb93d7a7ca3"),
        "Linux root (64-bit MIPS, little-endian)",
    ),
    (
        uuid!("1aacdb3b-5444-4138-bd9e-e5c2239b2346"),
        "Linux root (PA-RISC)",
    ),
    (
        uuid!("1de3f1ef-fa98-47b5-8dcd-4a860a654d78"),
        "Linux root (32-bit PowerPC)",
    ),
    (
        uuid!("912ade1d-a839-4913-8964-a10eee08fbd2"),
        "Linux root (64-bit PowerPC, big-endian)",
    ),
    (
        uuid!("c31c45e6-3f39-412e-80fb-4809c4980599"),
        "Linux root (64-bit PowerPC, little-endian)",
    ),
    (
        uuid!("60d5a7fe-8e7d-435c-b714-3dd8162144e1"),
        "Linux root (32-bit RISC-V)",
    ),
    (
        uuid!("72ec70a6-cf74-40e6-bd49-4bda08e8f224"),
        "Linux root (64-bit RISC-V)",
    ),
    (
        uuid!("08a7acea-624c-4a20-91e8-6e0fa67d23f9"),
        "Linux root (s390)",
    ),
    (
        uuid!("5eead9a9-fe09-4a1e-a1d7-520d00531306"),
        "Linux root (s390x)",
    ),
    (
        uuid!("c50cdd70-3862-4cc3-90e1-809a8c93ee2c"),
        "Linux root (TILE-Gx)",
    ),
    (
        uuid!("44479540-f297-41b2-9af7-d131d5f0458a"),
        "Linux root (32-bit x86)",
    ),
    (
        uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"),
        "Linux root (64-bit x86)",
    ),
    (
        uuid!("e18cf08c-33ec-4c0d-8246-c6c6fb3da024"),
        "Linux /usr (Alpha)",
    ),
    (
        uuid!("7978a683-6316-4922-bbee-38bff5a2fecc"),
        "Linux /usr (ARC)",
    ),
    (
        uuid!("7d0359a3-02b3-4f0a-865c-654403e70625"),
        "Linux /usr (32-bit ARM)",
    ),
    (
        uuid!("b0e01050-ee5f-4390-949a-9101b17104e9"),
        "Linux /usr (64-bit ARM)",
    ),
    (
        uuid!("4301d2a6-4e3b-4b2a-bb94-9e0b2c4225ea"),
        "Linux /usr (Itanium)",
    ),
    (
        uuid!("e611c702-575c-4cbe-9a46-434fa0bf7e3f"),
        "Linux /usr (64-bit LoongArch)",
    ),
    (
        uuid!("773b2abc-2a99-4398-8bf5-03baac40d02b"),
        "Linux /usr (32-bit MIPS, big-endian)",
    ),
    (
        uuid!("57e13958-7331-4365-8e6e-35eeee17c61b"),
        "Linux /usr (64-bit MIPS, big-endian)",
    ),
    (
        uuid!("0f4868e9-9952-4706-979f-3ed3a473e947"),
        "Linux /usr (32-bit MIPS, little-endian)",
    ),
    (
        uuid!("c97c1f32-ba06-40b4-9f22-236061b08aa8"),
        "Linux /usr (64-bit MIPS, little-endian)",
    ),
    (
        uuid!("dc4a4480-6917-4262-a4ec-db9384949f25"),
        "Linux /usr (PA-RISC)",
    ),
    (
        uuid!("7d14fec5-cc71-415d-9d6c-06bf0b3c3eaf"),
        "Linux /usr (32-bit PowerPC)",
    ),
    (
        uuid!("2c9739e2-f068-46b3-9fd0-01c5a9afbcca"),
        "Linux /usr (64-bit PowerPC, big-endian)",
    ),
    (
        uuid!("15bb03af-77e7-4d4a-b12b-c0d084f7491c"),
        "Linux /usr (64-bit PowerPC, little-endian)",
    ),
    (
        uuid!("b933fb22-5c3f-4f91-af90-e2bb0fa50702"),
        "Linux /usr (32-bit RISC-V)",
    ),
    (
        uuid!("beaec34b-8442-439b-a40b-984381ed097d"),
        "Linux /usr (64-bit RISC-V)",
    ),
    (
        uuid!("cd0f869b-d0fb-4ca0-b141-9ea87cc78d66"),
        "Linux /usr (s390)",
    ),
    (
        uuid!("8a4f5770-50aa-4ed3-874a-99b710db6fea"),
        "Linux /usr (s390x)",
    ),
    (
        uuid!("55497029-c7c1-44cc-aa39-815ed1558630"),
        "Linux /usr (TILE-Gx)",
    ),
    (
        uuid!("75250d76-8cc6-458e-bd66-bd47cc81a812"),
        "Linux /usr (32-bit x86)",
    ),
    (
        uuid!("8484680c-9521-48c6-9c11-b0720656f69e"),
        "Linux /usr (64-bit x86)",
    ),
];

/// True if `type_id` is one of [`DATA_VOLUMES`].
pub(crate) fn holds_data_volume(type_id: Uuid) -> bool {
    DATA_VOLUMES.iter().any(|(known, _)| *known == type_id)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use uuid::uuid;

    use super::{DATA_VOLUMES, holds_data_volume};

    #[test]
    fn every_type_stands_once() {
        let ids: HashSet<_> = DATA_VOLUMES.iter().map(|(id, _)| id).collect();
        let names: HashSet<_> = DATA_VOLUMES.iter().map(|(_, name)| name).collect();
        assert_eq!(ids.len(), DATA_VOLUMES.len());
        assert_eq!(names.len(), DATA_VOLUMES.len());
    }

    #[test]
    fn system_partitions_hold_none() {
        for (id, name) in [
            (uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"), "EFI system"),
            (
                uuid!("bc13c2ff-59e6-4262-a352-b275fd6f7172"),
                "extended boot",
            ),
            (uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"), "swap"),
            (uuid!("21686148-6449-6e6f-744e-656564454649"), "BIOS boot"),
            (uuid!("e3c9e316-0b5c-4db8-817d-f92df00215ae"), "reserved"),
            (
                uuid!("5808c8aa-7e8f-42e0-85d2-e1e90434cfb3"),
                "LDM metadata",
            ),
            (uuid!("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"), "root verity"),
            (
                uuid!("41092b05-9fc8-4523-994f-2def0408b176"),
                "root verity signature",
            ),
            (uuid!("00000000-0000-0000-0000-000000000000"), "unused"),
        ] {
            assert!(!holds_data_volume(id), "{name}");
        }
    }
}
