//! Runs a command in a machine of the lab: `vss-lab [--disk IMAGE]... [--limit SECONDS] COMMAND ARGUMENT...`.

use std::process::ExitCode;
use std::time::Duration;

use vss_lab::Setup;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    let mut setup = Setup::default();
    while let Some(option) = arguments.next_if(|word| word.to_string_lossy().starts_with("--")) {
        let value = arguments.next().unwrap_or_default();
        setup = match (option.to_str(), value.to_str()) {
            (Some("--disk"), _) => setup.disk(value),
            (Some("--memory"), Some(text)) if text.parse::<u32>().is_ok() => {
                setup.memory_mib(text.parse().unwrap_or(1024))
            }
            (Some("--limit"), Some(text)) if text.parse::<u64>().is_ok() => {
                setup.limit(Duration::from_secs(text.parse().unwrap_or(600)))
            }
            (Some("--env"), Some(text)) => match text.split_once('=') {
                Some((name, value)) => setup.env(name, value),
                None => return usage(),
            },
            _ => return usage(),
        };
    }
    if arguments.peek().is_none() {
        return usage();
    }
    let init = std::env::current_exe()
        .map(|path| path.with_file_name("vss-lab-init"))
        .unwrap_or_else(|_| "vss-lab-init".into());
    let run = setup
        .boot(&init, arguments)
        .and_then(|mut machine| machine.wait(|line| println!("{line}")));
    match run {
        Ok(exit) => ExitCode::from(u8::try_from(exit.status).unwrap_or(125)),
        Err(error) => {
            eprintln!("vss-lab: {error}");
            ExitCode::from(125)
        }
    }
}

fn usage() -> ExitCode {
    eprintln!(
        "vss-lab [--disk IMAGE]... [--memory MIB] [--limit SECONDS] [--env NAME=VALUE]... COMMAND [ARGUMENT]..."
    );
    ExitCode::from(2)
}
