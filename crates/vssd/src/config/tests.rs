//! Tests of the settings.

use std::path::Path;

use vss_model::ErrorKind;

use super::{Config, Style, render};

fn parse(text: &str) -> Result<Config, vss_model::Error> {
    Config::parse(text, Path::new("f.toml"))
}

fn refusal(text: &str) -> String {
    let error = parse(text).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    error.message().to_owned()
}

#[test]
fn nothing_set_is_the_default() {
    assert_eq!(parse("").unwrap(), Config::default());
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_what_there_is() {
    let message = refusal("group = \"\"\n\n[limits]\nconections = 5\n");
    assert!(message.starts_with("f.toml:4: "), "{message}");
    assert!(message.contains("conections"), "{message}");
    assert!(message.contains("connections_per_caller"), "{message}");
    let message = refusal("\n[sockets]\n");
    assert!(message.starts_with("f.toml:2: "), "{message}");
    assert!(message.contains("`socket`"), "{message}");
}

#[test]
fn a_wrong_type_is_refused_with_its_line() {
    for (text, line) in [
        ("state = 5\n", 1),
        ("[limits]\nsessions = \"many\"\n", 2),
        ("[tcp]\n\nlisten = \"nowhere\"\n", 3),
        ("[tcp]\nallow = \"one\"\n", 2),
        ("[log]\nlevel = \"loud\"\n", 2),
        ("[log]\ntarget = \"file\"\n", 2),
        ("[limits]\nsessions = 1\nsessions = 2\n", 3),
        ("state = \"/x\n", 1),
    ] {
        let message = refusal(text);
        assert!(
            message.starts_with(&format!("f.toml:{line}: ")),
            "{text}: {message}"
        );
    }
}

/// The ranges that are told are the ranges that count.
#[test]
fn numbers_must_be_in_the_range_that_is_told() {
    let text = render(&Config::default(), Style::Effective);
    let mut table = String::new();
    let mut told = None;
    let mut seen = 0;
    let mut about = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_end_matches(']').to_owned();
        } else if let Some(comment) = line.strip_prefix("# ") {
            about.push(' ');
            about.push_str(comment);
            if let Some((_, range)) = about.rsplit_once("From ") {
                let (low, high) = range.trim_end_matches('.').split_once(" to ").unwrap();
                told = Some((low.parse::<i64>().unwrap(), high.parse::<i64>().unwrap()));
            }
        } else if let Some((key, value)) = line.split_once(" = ") {
            about.clear();
            let Some((low, high)) = told.take() else {
                assert!(value.parse::<i64>().is_err(), "{key} tells no range");
                continue;
            };
            seen += 1;
            let set = |value: i64| parse(&format!("[{table}]\n{key} = {value}\n"));
            assert!(set(low).is_ok() && set(high).is_ok(), "{table}.{key}");
            for wrong in [low - 1, high + 1, i64::MIN, i64::MAX] {
                let message = set(wrong).unwrap_err().message().to_owned();
                assert!(message.starts_with("f.toml:2: "), "{message}");
                assert!(
                    message.contains(&format!("from {low} to {high}")),
                    "{message}"
                );
            }
        }
    }
    assert_eq!(seen, 10);
}

#[test]
fn tcp_is_all_or_nothing() {
    assert!(refusal("[tcp]\nlisten = \"127.0.0.1:1\"\n").contains("tcp.certificate is missing"));
    assert!(refusal("[tcp]\nkey = \"/k\"\n").contains("without tcp.listen"));
    assert!(refusal("[tcp]\nallow = [\"a\"]\n").contains("without tcp.listen"));
    let whole = "[tcp]\nlisten = \"127.0.0.1:1\"\ncertificate = \"/c\"\nkey = \"/k\"\n";
    assert!(parse(&format!("{whole}client_ca = \"/a\"\n")).is_ok());
    assert!(refusal(&format!("{whole}client_ca = \"a\"\n")).contains("absolute"));
    assert!(refusal(&format!("{whole}client_ca = \"/a\"\nallow = [\"\"]\n")).contains("empty"));
}

#[test]
fn loopback_stays_on_this_machine() {
    for address in ["127.0.0.1:0", "127.1.2.3:4", "[::1]:5"] {
        assert!(parse(&format!("[loopback]\nlisten = \"{address}\"\n")).is_ok());
    }
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:1"] {
        let message = refusal(&format!("[loopback]\nlisten = \"{address}\"\n"));
        assert!(message.contains(address), "{message}");
        assert!(message.contains("no loopback address"), "{message}");
    }
    assert!(refusal("[loopback]\nfile = \"f\"\n").contains("absolute"));
    assert_eq!(parse("").unwrap().loopback.listen, None);
}

#[test]
fn names_of_volumes_are_checked() {
    let message = refusal("[volumes]\n\"E\" = \"db\"\n");
    assert!(message.contains("\"E\""), "{message}");
    assert!(refusal("[volumes]\n'E:' = \"a\"\n'e:' = \"b\"\n").contains("twice"));
    assert!(refusal("[volumes]\n'E:' = 5\n").starts_with("f.toml:2: "));
}

#[test]
fn paths_are_absolute_and_groups_are_names() {
    assert!(refusal("state = \"lib\"\n").contains("absolute"));
    assert!(refusal("[socket]\npath = \"\"\n").contains("absolute"));
    assert!(refusal("group = \"a b\"\n").contains("group"));
    assert_eq!(parse("group = \"\"\n").unwrap().group, "");
}

#[test]
fn what_is_printed_reads_back_the_same() {
    let full = r#"
state = "/a \"b\\"
group = "1000"
[socket]
path = "/s"
[tcp]
listen = "[::1]:9"
certificate = "/c"
key = "/k"
client_ca = "/a"
allow = ["a", "b\t"]
[loopback]
listen = "[::1]:0"
file = "/l"
[volumes]
'E:\a b = c' = "/a 'b'"
"f:" = "db/1"
[limits]
connections = 5
[shutdown]
limit_seconds = 0
[metrics]
listen = "127.0.0.1:1"
[log]
target = "journald"
level = "trace"
"#;
    for config in [Config::default(), parse(full).unwrap()] {
        let text = render(&config, Style::Effective);
        assert_eq!(parse(&text).unwrap(), config, "{text}");
    }
}

#[test]
fn the_shipped_file_is_this_template_and_holds_the_defaults() {
    let shipped = include_str!("../../../../packaging/vssd.toml");
    assert_eq!(
        shipped,
        render(&Config::default(), Style::Template),
        "write it anew: vssd --document template > packaging/vssd.toml"
    );
    assert_eq!(parse(shipped).unwrap(), Config::default());
    // With every comment sign before a key taken away, the examples are legal and the rest is as
    // it was.
    let set: String = shipped
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') && key.contains(" = ") => format!("{key}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let config = parse(&set).unwrap();
    assert!(config.tcp.listen.is_some() && config.metrics.listen.is_some());
    let default = Config::default();
    assert_eq!(config.limits, default.limits);
    assert_eq!(config.socket, default.socket);
    assert_eq!(config.loopback.file, default.loopback.file);
    assert!(config.loopback.listen.is_some());
    assert_eq!(config.volume_names().unwrap().len(), 1);
    assert_eq!(config.log, default.log);
}
