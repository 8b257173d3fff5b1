//! The service that all objects of the process share.

use std::env;
use std::sync::{Arc, Mutex, PoisonError};

use vss_api::client::{Client, Endpoint, TlsFiles};
use vss_model::Error;
use vss_service::Service;
use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};

use super::drives::is_wine;

/// Where the daemon is, when nobody says otherwise: under Wine, as Wine names files of the host.
const UNDER_WINE: &str = r"loopback:\\?\unix\run\vss\loopback";
const ON_WINDOWS: &str = r"loopback:C:\ProgramData\openvss\loopback";

static CLIENT: Mutex<Option<Client>> = Mutex::new(None);

/// The service. Connects when nobody has before; a connection that broke is made anew by itself.
///
/// # Errors
/// `VSS_CONNECT` names no place; the daemon cannot be reached.
pub(super) fn service() -> Result<Arc<dyn Service>, Error> {
    let mut client = CLIENT.lock().unwrap_or_else(PoisonError::into_inner);
    if client.is_none() {
        let endpoint = Endpoint::parse(&place(), TlsFiles::default())?;
        stay_loaded();
        *client = Some(Client::connect(&endpoint)?);
    }
    let client = client
        .clone()
        .ok_or_else(|| Error::new(vss_model::ErrorKind::Unexpected, "there is no client"))?;
    Ok(Arc::new(client))
}

fn place() -> String {
    match env::var("VSS_CONNECT") {
        Ok(place) if is_wine() => in_wine_names(&place),
        Ok(place) => place,
        Err(_) if is_wine() => UNDER_WINE.to_owned(),
        Err(_) => ON_WINDOWS.to_owned(),
    }
}

/// The path of a file of the host as a program of Windows can open it.
fn in_wine_names(place: &str) -> String {
    match place.strip_prefix("loopback:/") {
        Some(path) => format!(r"loopback:\\?\unix\{}", path.replace('/', "\\")),
        None => place.to_owned(),
    }
}

/// The client has a thread: a program that unloads the DLL must not take its code away.
fn stay_loaded() {
    let mut module = std::ptr::null_mut();
    let flags = GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS;
    // SAFETY: the address is one of this module, as the flag says.
    let pinned =
        unsafe { GetModuleHandleExW(flags, (stay_loaded as fn()) as *const u16, &raw mut module) };
    if pinned == 0 {
        super::log::line("the DLL could not be kept loaded: do not unload it");
    }
}
