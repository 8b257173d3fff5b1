//! What Windows, or Wine, knows of drives.

use std::ffi::{CStr, c_char};

use windows_sys::Win32::Storage::FileSystem::{
    GetFileAttributesW, GetLogicalDrives, GetVolumeNameForVolumeMountPointW, GetVolumePathNameW,
    GetVolumePathNamesForVolumeNameW, INVALID_FILE_ATTRIBUTES,
};
use windows_sys::Win32::System::LibraryLoader::{GetModuleHandleW, GetProcAddress};
use windows_sys::Win32::System::Memory::{GetProcessHeap, HeapFree};
use windows_sys::{s, w};

use crate::volumes::Drives;

/// Room for a path, in UTF-16 units (`MAX_PATH`, with the longer ones of `\\?\`).
const PATH_UNITS: usize = 32_768;

/// The drives of the system that this process runs on.
pub(super) struct System;

/// `char *CDECL wine_get_unix_file_name(const WCHAR *)`: only Wine has it.
type UnixFileName = unsafe extern "C" fn(*const u16) -> *mut c_char;

fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

/// The text up to the first zero.
fn text(units: &[u16]) -> String {
    let length = units.iter().position(|unit| *unit == 0);
    String::from_utf16_lossy(
        units
            .get(..length.unwrap_or(units.len()))
            .unwrap_or_default(),
    )
}

fn unix_file_name() -> Option<UnixFileName> {
    // SAFETY: names of a module and of a function, both with their zeroes.
    let function = unsafe {
        GetProcAddress(
            GetModuleHandleW(w!("kernel32.dll")),
            s!("wine_get_unix_file_name"),
        )
    }?;
    // SAFETY: this is the function's type wherever it is there.
    Some(unsafe {
        std::mem::transmute::<unsafe extern "system" fn() -> isize, UnixFileName>(function)
    })
}

/// Whether this is Wine.
pub(super) fn is_wine() -> bool {
    unix_file_name().is_some()
}

impl Drives for System {
    fn roots(&self) -> Vec<String> {
        // SAFETY: no arguments.
        let mask = unsafe { GetLogicalDrives() };
        ('A'..='Z')
            .enumerate()
            .filter(|(bit, _)| mask & (1 << bit) != 0)
            .map(|(_, letter)| format!(r"{letter}:\"))
            .collect()
    }

    fn host_path(&self, path: &str) -> Option<String> {
        let function = unix_file_name()?;
        // SAFETY: the path ends with a zero. The result is a C string of the process heap, or null.
        unsafe {
            let found = function(wide(path).as_ptr());
            if found.is_null() {
                return None;
            }
            let name = CStr::from_ptr(found).to_str().map(str::to_owned).ok();
            HeapFree(GetProcessHeap(), 0, found.cast());
            name
        }
    }

    fn volume_name(&self, root: &str) -> Option<String> {
        let mut units = [0_u16; 64];
        // SAFETY: the name ends with a zero, the room is as long as is said.
        let found = unsafe {
            GetVolumeNameForVolumeMountPointW(wide(root).as_ptr(), units.as_mut_ptr(), 64)
        };
        (found != 0).then(|| text(&units))
    }

    fn paths_of(&self, volume: &str) -> Vec<String> {
        let mut units = vec![0_u16; PATH_UNITS];
        let mut length = 0;
        let room = u32::try_from(units.len()).unwrap_or(0);
        // SAFETY: the name ends with a zero, the room is as long as is said.
        let found = unsafe {
            GetVolumePathNamesForVolumeNameW(
                wide(volume).as_ptr(),
                units.as_mut_ptr(),
                room,
                &raw mut length,
            )
        };
        if found == 0 {
            return Vec::new();
        }
        units
            .split(|unit| *unit == 0)
            .take_while(|path| !path.is_empty())
            .map(text)
            .collect()
    }

    fn root_of(&self, path: &str) -> Option<String> {
        let mut units = vec![0_u16; PATH_UNITS];
        let room = u32::try_from(units.len()).unwrap_or(0);
        // SAFETY: the path ends with a zero, the room is as long as is said.
        let found = unsafe { GetVolumePathNameW(wide(path).as_ptr(), units.as_mut_ptr(), room) };
        (found != 0).then(|| text(&units))
    }

    fn windows_path(&self, host: &str) -> Option<String> {
        is_wine().then(|| format!(r"\\?\unix{}", host.replace('/', "\\")))
    }

    fn is_there(&self, path: &str) -> bool {
        // SAFETY: the path ends with a zero.
        let attributes = unsafe { GetFileAttributesW(wide(path).as_ptr()) };
        attributes != INVALID_FILE_ATTRIBUTES
    }
}
