//! The table of the interface against headers that we did not write.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use uuid::Uuid;
use vssapi::abi::layout::{
    CONSTANTS, INTERFACES, STRUCTURES, enumerators, fields, result_codes, slots, slots_of,
};

use crate::program::Program;

const COMPILER: &str = "x86_64-w64-mingw32-g++";

/// Where the headers of mingw-w64 say something else than the public documentation, and what the
/// program asks instead.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "IID_IVssWMComponent, IID_IVssWMFiledesc, IID_IVssWMDependency, IID_IVssWriterComponents",
        "all zero there; they have no public id, so that the table has none",
    ),
    (
        "IVssWriterComponentsExt",
        "its second base, IUnknown, is missing there; `objects.cpp` declares it as documented",
    ),
];

/// A program that compares every entry of the table.
fn source() -> String {
    let mut text = String::from(
        "#define CINTERFACE\n#define INITGUID\n#include \"check.h\"\n#include <cstddef>\n\
         int main() {\n",
    );
    for slot in slots() {
        let (interface, method) = (slot.interface, slot.method);
        let _ = writeln!(
            text,
            "check::number(\"{interface}::{method}\", offsetof({interface}Vtbl, {method}) / sizeof(void *), {});",
            slot.slot
        );
    }
    for interface in INTERFACES {
        let name = interface.name;
        let _ = writeln!(
            text,
            "check::number(\"{name} slots\", sizeof({name}Vtbl) / sizeof(void *), {});",
            slots_of(interface).len()
        );
        if let Some(iid) = interface.iid {
            let _ = writeln!(
                text,
                "{{ static const GUID id = {}; check::id(\"IID_{name}\", IID_{name}, id); }}",
                braces(iid)
            );
        }
    }
    for structure in STRUCTURES {
        let _ = writeln!(
            text,
            "check::number(\"sizeof {0}\", sizeof({0}), {1});",
            structure.name, structure.size
        );
    }
    for field in fields() {
        let (structure, member) = (field.structure, field.field);
        let _ = writeln!(
            text,
            "check::number(\"{structure}::{member}\", offsetof({structure}, {member}), {});\n\
             check::number(\"sizeof {structure}::{member}\", sizeof((({structure} *)0)->{member}), {});",
            field.offset, field.size
        );
    }
    for code in enumerators().chain(result_codes()) {
        let _ = writeln!(
            text,
            "check::number(\"{0}\", (ULONG){0}, 0x{1:x});",
            code.name, code.value
        );
    }
    for family in CONSTANTS {
        let _ = writeln!(
            text,
            "check::number(\"sizeof {0}\", sizeof({0}), 4);",
            family.name
        );
    }
    text.push_str("return check::done();\n}\n");
    text
}

fn braces(id: Uuid) -> String {
    let (a, b, c, d) = id.as_fields();
    let rest: Vec<String> = d.iter().map(|byte| format!("0x{byte:x}")).collect();
    format!("{{0x{a:x}, 0x{b:x}, 0x{c:x}, {{{}}}}}", rest.join(", "))
}

/// How many checks it makes.
fn checks() -> usize {
    let ids = INTERFACES.iter().filter(|one| one.iid.is_some()).count();
    slots().count()
        + INTERFACES.len()
        + ids
        + STRUCTURES.len()
        + 2 * fields().count()
        + enumerators().count()
        + result_codes().count()
        + CONSTANTS.len()
}

/// Compiles a text; gives the program.
fn compile(folder: &Path, text: &str) -> PathBuf {
    let headers = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cpp");
    let (source, program) = (folder.join("layout.cpp"), folder.join("layout.exe"));
    fs::write(&source, text).unwrap();
    let output = Command::new(COMPILER)
        .args(["-std=gnu++17", "-static", "-Wno-invalid-offsetof", "-I"])
        .arg(headers)
        .arg("-o")
        .args([&program, &source])
        .args(["-lole32", "-loleaut32", "-luuid"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    program
}

#[test]
fn every_entry_is_as_the_headers_have_it() {
    for (name, reason) in DIFFERENCES {
        println!("not asked of the headers: {name} ({reason})");
    }
    let folder = tempfile::tempdir().unwrap();
    let program = compile(folder.path(), &source());
    Program::at(&program).run().good(checks());
}

/// Control: a table with two methods exchanged, a member moved and a code changed is caught.
#[test]
fn a_wrong_table_is_caught() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = source();
    for (right, wrong) in [
        (
            "offsetof(IVssBackupComponentsEx4Vtbl, BreakSnapshotSetEx) / sizeof(void *), 57",
            "offsetof(IVssBackupComponentsEx4Vtbl, BreakSnapshotSetEx) / sizeof(void *), 58",
        ),
        (
            "offsetof(VSS_SNAPSHOT_PROP, m_eStatus), 120",
            "offsetof(VSS_SNAPSHOT_PROP, m_eStatus), 116",
        ),
        (
            "(ULONG)VSS_E_BREAK_REVERT_ID_FAILED, 0x800423f6",
            "(ULONG)VSS_E_BREAK_REVERT_ID_FAILED, 0x800423f5",
        ),
    ] {
        assert!(text.contains(right), "{right}");
        text = text.replace(right, wrong);
    }
    let report = Program::at(&compile(folder.path(), &text)).run();
    assert_eq!(report.code, Some(1), "{}", report.said);
    assert_eq!(
        report.failed,
        [
            "IVssBackupComponentsEx4::BreakSnapshotSetEx: got 0x39 wanted 0x3a",
            "VSS_SNAPSHOT_PROP::m_eStatus: got 0x78 wanted 0x74",
            "VSS_E_BREAK_REVERT_ID_FAILED: got 0x800423f6 wanted 0x800423f5",
        ]
    );
    assert_eq!(report.good_count, checks() - 3);
}

/// The other way round: what the headers define, the table has.
#[test]
fn the_table_misses_nothing_of_the_headers() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("all.h");
    fs::write(&source, "#include <windows.h>\n#include <vss.h>\n#include <vswriter.h>\n#include <vsbackup.h>\n#include <vsserror.h>\n").unwrap();
    let preprocessed = |flag: &str| {
        let output = Command::new(COMPILER)
            .args(["-E", flag, "-x", "c++"])
            .arg(&source)
            .output()
            .unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let known: Vec<&str> = enumerators()
        .chain(result_codes())
        .map(|code| code.name)
        .collect();
    let macros = preprocessed("-dM");
    let codes = macros
        .lines()
        .filter_map(|line| line.strip_prefix("#define ")?.split(' ').next())
        .filter(|name| name.starts_with("VSS_E_") || name.starts_with("VSS_S_"));
    let expanded = preprocessed("-P");
    let enumerators = expanded
        .lines()
        .filter_map(|line| line.trim().split_once(" = "))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("VSS_") && !name.contains(' '));
    let all: Vec<&str> = codes.chain(enumerators).collect();
    assert!(all.len() > 250, "{}", all.len());
    // A writer's affairs, of which a requester sees nothing.
    let of_writers = ["VSS_AWS_", "VSS_SM_"];
    let missing: Vec<&&str> = all
        .iter()
        .filter(|name| !known.contains(name))
        .filter(|name| !of_writers.iter().any(|prefix| name.starts_with(prefix)))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
