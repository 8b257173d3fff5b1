//! What the types of the settings alone cannot rule out.

use std::path::Path;

use serde::de::{Deserialize, Deserializer, Error};

use vss_api::loopback::is_loopback;

use super::{Config, volumes};

/// A whole number within bounds, both included.
pub(super) fn within<'de, D, const LOW: u32, const HIGH: u32>(from: D) -> Result<u32, D::Error>
where
    D: Deserializer<'de>,
{
    let value = i64::deserialize(from)?;
    u32::try_from(value)
        .ok()
        .filter(|value| (LOW..=HIGH).contains(value))
        .ok_or_else(|| {
            D::Error::custom(format_args!(
                "{value} is out of range: a whole number from {LOW} to {HIGH} is wanted"
            ))
        })
}

impl Config {
    /// Says what does not fit together.
    pub(super) fn check(&self) -> Result<(), String> {
        absolute("state", &self.state)?;
        absolute("socket.path", &self.socket.path)?;
        absolute("loopback.file", &self.loopback.file)?;
        if let Some(address) = self.loopback.listen.filter(|it| !is_loopback(it)) {
            return Err(format!(
                "loopback.listen: {address} is no loopback address, such as 127.0.0.1:0; for other \
                 machines there is tcp.listen"
            ));
        }
        volumes::names(&self.volumes)?;
        if self
            .group
            .contains(|c: char| c.is_control() || c.is_whitespace() || c == ':' || c == ',')
        {
            return Err(format!("group: {:?} is no name of a group", self.group));
        }
        let files = [
            ("tcp.certificate", self.tcp.certificate.as_deref()),
            ("tcp.key", self.tcp.key.as_deref()),
            ("tcp.client_ca", self.tcp.client_ca.as_deref()),
        ];
        for (key, file) in files {
            match (self.tcp.listen, file) {
                (Some(_), None) => {
                    return Err(format!(
                        "{key} is missing: tcp.listen needs certificate, key and client_ca, \
                         because nobody is served over TCP without certificates"
                    ));
                }
                (None, Some(_)) => {
                    return Err(format!("{key} has no effect without tcp.listen"));
                }
                (_, Some(file)) => absolute(key, file)?,
                (None, None) => {}
            }
        }
        if self.tcp.listen.is_none() && !self.tcp.allow.is_empty() {
            return Err("tcp.allow has no effect without tcp.listen".to_owned());
        }
        if self.tcp.allow.iter().any(|name| name.trim().is_empty()) {
            return Err("tcp.allow holds an empty name".to_owned());
        }
        Ok(())
    }
}

fn absolute(key: &str, path: &Path) -> Result<(), String> {
    if path.is_absolute() {
        Ok(())
    } else {
        Err(format!(
            "{key}: {:?} is not an absolute path",
            path.display()
        ))
    }
}
