//! The reference of the API, written from the comments of the proto files.

use std::collections::HashMap;
use std::fmt::Write as _;

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, ServiceDescriptorProto,
};

/// The compiled proto files with their comments, as a `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openvss.v1.bin"));

/// Numbers of fields in descriptors, of which the places of comments are made.
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const FILE_SERVICE: i32 = 6;
/// The same for fields of a message, values of an enumeration and methods of a service.
const MEMBER: i32 = 2;
const MESSAGE_ONEOF: i32 = 8;

const INTRODUCTION: &str = "\
# The API of vssd

<!-- Generated from crates/vss-api/proto/openvss/v1. Do not edit. -->

Package `openvss.v1`, gRPC over HTTP/2. On a machine it is served at the socket
`unix:/run/vss/vssd.sock` and, where the settings ask for it, over loopback TCP; over a network with
mutual TLS. The proto files, with which clients in other languages are made, are in
`crates/vss-api/proto`.

A loopback connection begins with the line `openvss-token TOKEN` and a line feed. The daemon answers with
the line `openvss-answer ANSWER`, as long as its `openvss-denied ` to another token, after which it closes;
HTTP/2 begins right after the answer. Address, token and answer are the three lines of the file
`/run/vss/loopback`, which the daemon writes anew at every start. Whoever answers otherwise is not the
daemon that wrote it.

- **Ids** are GUIDs of 36 characters in lower case, with dashes. Where the null one is legal, the text
  may be empty as well.
- **Times** are `VSS_TIMESTAMP`: units of 100 ns since 1601-01-01 UTC.
- **Result codes** are HRESULTs as unsigned numbers.
- **Paths** are bytes as the system of the service's machine writes them, usually UTF-8.
- **Errors**: the status of every refused call has a `google.rpc.Status` in
  `grpc-status-details-bin`, and in it one `VssError`. A status without one comes from a broken
  connection or from something that is no vssd.
- **Access**: every call, queries too, needs backup privilege; else it ends with `PERMISSION_DENIED`
  and `E_ACCESSDENIED`.
- **Repeats**: calls that begin an operation take an id for it. After a lost connection the same call
  with the same id finds what the first one began.

gRPC status codes follow the result codes:

| Result code | Status |
|---|---|
| `E_ACCESSDENIED` | `PERMISSION_DENIED` |
| `E_INVALIDARG` | `INVALID_ARGUMENT` |
| `VSS_E_OBJECT_NOT_FOUND`, `VSS_E_PROVIDER_NOT_REGISTERED` | `NOT_FOUND` |
| `VSS_E_OBJECT_ALREADY_EXISTS` | `ALREADY_EXISTS` |
| `VSS_E_BAD_STATE`, `VSS_E_SNAPSHOT_SET_IN_PROGRESS`, `VSS_E_VOLUME_IN_USE`, `VSS_E_BREAK_REVERT_ID_FAILED` | `FAILED_PRECONDITION` |
| `E_OUTOFMEMORY`, `VSS_E_INSUFFICIENT_STORAGE`, `VSS_E_MAXIMUM_NUMBER_OF_*_REACHED` | `RESOURCE_EXHAUSTED` |
| `VSS_E_NOT_SUPPORTED`, `E_NOTIMPL`, `VSS_E_LEGACY_PROVIDER`, `VSS_E_VOLUME_NOT_SUPPORTED*`, `VSS_E_UNSUPPORTED_CONTEXT`, `VSS_E_NESTED_VOLUME_LIMIT` | `UNIMPLEMENTED` |
| `VSS_E_PROVIDER_VETO`, `VSS_E_HOLD_WRITES_TIMEOUT`, `VSS_E_FLUSH_WRITES_TIMEOUT` | `ABORTED` |
| all others | `INTERNAL` |
";

/// Comments of a file by their places.
type Comments = HashMap<Vec<i32>, String>;

fn files() -> Vec<FileDescriptorProto> {
    FileDescriptorSet::decode(DESCRIPTORS)
        .map(|set| set.file)
        .unwrap_or_default()
}

fn comments(file: &FileDescriptorProto) -> Comments {
    let locations = file.source_code_info.iter().flat_map(|info| &info.location);
    locations
        .map(|location| {
            let lines: Vec<&str> = location.leading_comments().lines().map(str::trim).collect();
            (location.path.clone(), lines.join("\n").trim().to_owned())
        })
        .collect()
}

fn at<'a>(comments: &'a Comments, path: &[i32]) -> &'a str {
    comments.get(path).map_or("", String::as_str)
}

fn numbered<T>(list: &[T]) -> impl Iterator<Item = (i32, &T)> {
    (0..).zip(list)
}

/// Names of messages, fields, values, services and methods that have no comment. There are none; a
/// test sees to it.
#[must_use]
pub fn uncommented() -> Vec<String> {
    let mut names = Vec::new();
    for file in files() {
        let comments = comments(&file);
        let mut check = |path: &[i32], name: String| {
            if at(&comments, path).is_empty() {
                names.push(name);
            }
        };
        for (i, message) in numbered(&file.message_type) {
            check(&[FILE_MESSAGE, i], message.name().to_owned());
            for (j, field) in numbered(&message.field) {
                let name = format!("{}.{}", message.name(), field.name());
                check(&[FILE_MESSAGE, i, MEMBER, j], name);
            }
            for (j, oneof) in numbered(&message.oneof_decl) {
                let name = format!("{}.{}", message.name(), oneof.name());
                // The compiler makes up one for each optional field.
                if !oneof.name().starts_with('_') {
                    check(&[FILE_MESSAGE, i, MESSAGE_ONEOF, j], name);
                }
            }
        }
        for (i, one) in numbered(&file.enum_type) {
            check(&[FILE_ENUM, i], one.name().to_owned());
            for (j, value) in numbered(&one.value) {
                check(&[FILE_ENUM, i, MEMBER, j], value.name().to_owned());
            }
        }
        for (i, service) in numbered(&file.service) {
            check(&[FILE_SERVICE, i], service.name().to_owned());
            for (j, method) in numbered(&service.method) {
                let name = format!("{}/{}", service.name(), method.name());
                check(&[FILE_SERVICE, i, MEMBER, j], name);
            }
        }
    }
    names
}

/// The reference in Markdown: services first, then messages and enumerations by name.
#[must_use]
pub fn markdown() -> String {
    let mut page = String::from(INTRODUCTION);
    let mut types: Vec<(String, String)> = Vec::new();
    for file in files() {
        let comments = comments(&file);
        for (i, service) in numbered(&file.service) {
            write_service(&mut page, service, &comments, i);
        }
        for (i, message) in numbered(&file.message_type) {
            let text = message_section(message, &comments, i);
            types.push((message.name().to_owned(), text));
        }
        for (i, one) in numbered(&file.enum_type) {
            types.push((one.name().to_owned(), enum_section(one, &comments, i)));
        }
    }
    types.sort();
    page.push_str("\n## Messages and enumerations\n");
    for (_, text) in types {
        page.push_str(&text);
    }
    page
}

/// Writing to a string does not fail.
macro_rules! line {
    ($page:expr, $($words:tt)*) => {{
        let _ = writeln!($page, $($words)*);
    }};
}

fn short(type_name: &str) -> &str {
    type_name.rsplit('.').next().unwrap_or(type_name)
}

fn link(type_name: &str) -> String {
    let name = short(type_name);
    format!("[{name}](#{})", name.to_lowercase())
}

/// A comment within a cell of a table.
fn cell(comment: &str) -> String {
    comment.replace('\n', " ").replace('|', "\\|")
}

fn write_service(page: &mut String, service: &ServiceDescriptorProto, comments: &Comments, i: i32) {
    line!(page, "\n## Service {}\n", service.name());
    line!(page, "{}", at(comments, &[FILE_SERVICE, i]));
    for (j, method) in numbered(&service.method) {
        let stream = if method.server_streaming() {
            "stream of "
        } else {
            ""
        };
        line!(page, "\n### {}\n", method.name());
        line!(
            page,
            "{} → {stream}{}\n",
            link(method.input_type()),
            link(method.output_type())
        );
        line!(page, "{}", at(comments, &[FILE_SERVICE, i, MEMBER, j]));
    }
}

fn type_of(field: &FieldDescriptorProto) -> String {
    let name = match field.r#type() {
        Type::Message | Type::Enum => link(field.type_name()),
        plain => plain
            .as_str_name()
            .trim_start_matches("TYPE_")
            .to_lowercase(),
    };
    if field.label() == Label::Repeated {
        format!("list of {name}")
    } else if field.proto3_optional() {
        format!("{name}, optional")
    } else {
        name
    }
}

fn message_section(message: &DescriptorProto, comments: &Comments, i: i32) -> String {
    let mut text = String::new();
    line!(text, "\n### {}\n", message.name());
    line!(text, "{}", at(comments, &[FILE_MESSAGE, i]));
    if message.field.is_empty() {
        return text;
    }
    line!(text, "\n| Field | Type | No. | |");
    line!(text, "|---|---|---|---|");
    for (j, field) in numbered(&message.field) {
        let oneof = field
            .oneof_index
            .filter(|_| !field.proto3_optional())
            .and_then(|index| message.oneof_decl.get(usize::try_from(index).ok()?));
        let choice = oneof
            .map(|oneof| format!("One of `{}`. ", oneof.name()))
            .unwrap_or_default();
        line!(
            text,
            "| `{}` | {} | {} | {choice}{} |",
            field.name(),
            type_of(field),
            field.number(),
            cell(at(comments, &[FILE_MESSAGE, i, MEMBER, j]))
        );
    }
    for (j, oneof) in numbered(&message.oneof_decl) {
        if !oneof.name().starts_with('_') {
            let comment = cell(at(comments, &[FILE_MESSAGE, i, MESSAGE_ONEOF, j]));
            line!(text, "\n`{}`: {comment}", oneof.name());
        }
    }
    text
}

fn enum_section(one: &EnumDescriptorProto, comments: &Comments, i: i32) -> String {
    let mut text = String::new();
    line!(text, "\n### {}\n", one.name());
    line!(text, "{}", at(comments, &[FILE_ENUM, i]));
    line!(text, "\n| Value | No. | |");
    line!(text, "|---|---|---|");
    for (j, value) in numbered(&one.value) {
        line!(
            text,
            "| `{}` | {} | {} |",
            value.name(),
            value.number(),
            cell(at(comments, &[FILE_ENUM, i, MEMBER, j]))
        );
    }
    text
}
