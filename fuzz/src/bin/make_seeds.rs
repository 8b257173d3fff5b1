//! Makes the seeds of `observe_table` with sgdisk and sfdisk: `cargo run --bin make_seeds`, in
//! this directory.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use openvss_fuzz::disk_input::encode;

const KIB: usize = 1024;

/// Runs a program on an image of so many KiB and gives what it left.
fn made(kib: usize, runs: &[(&str, &[&str], &str)]) -> io::Result<Vec<u8>> {
    let path = std::env::temp_dir().join(format!("openvss-seed-{}.img", std::process::id()));
    fs::write(&path, vec![0; kib * KIB])?;
    for (program, args, input) in runs {
        let mut child = Command::new(program)
            .args(*args)
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input.as_bytes())?;
        }
        if !child.wait()?.success() {
            return Err(io::Error::other(format!("{program} {args:?} failed")));
        }
    }
    let image = fs::read(&path)?;
    fs::remove_file(&path)?;
    Ok(image)
}

fn main() -> io::Result<()> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds/observe_table");
    fs::create_dir_all(&dir)?;
    let save =
        |name: &str, large: bool, image: &[u8]| fs::write(dir.join(name), encode(large, image));

    let two = ["-a1", "-o", "-n1:64:+8", "-t1:ef00", "-n2:0:0", "-c2:data"];
    let plain = made(64, &[("sgdisk", &two, "")])?;
    save("gpt", false, &plain)?;
    let hybrid = made(64, &[("sgdisk", &two, ""), ("sgdisk", &["-h2"], "")])?;
    let mut signed = hybrid.clone();
    signed[440..444].copy_from_slice(&[1, 2, 3, 4]);
    save("gpt-hybrid", false, &signed)?;
    let further_in = ["-a1", "-o", "-j40", "-n1:0:0", "-t1:0700", "-A1:set:60"];
    save(
        "gpt-array-further-in",
        false,
        &made(64, &[("sgdisk", &further_in, "")])?,
    )?;
    let many = ["-a1", "-o", "-S256", "-n1:0:+1", "-n200:0:+1"];
    save(
        "gpt-256-entries",
        false,
        &made(128, &[("sgdisk", &many, "")])?,
    )?;
    let mut grown = plain.clone();
    grown.resize(96 * KIB, 0);
    save("gpt-grown", false, &grown)?;
    let mut headless = plain.clone();
    headless[512..1024].fill(0);
    save("gpt-backup-only", false, &headless)?;
    let mut tailless = plain.clone();
    let end = tailless.len();
    tailless[end - 512..].fill(0);
    save("gpt-primary-only", false, &tailless)?;

    let label = "label: gpt\nstart=64, size=8, type=U\nname=\"\u{fc}ber\", attrs=\"GUID:63\"\n";
    save("gpt-sfdisk", false, &made(64, &[("sfdisk", &[], label)])?)?;
    save("gpt-4k", true, &stretched(&plain))?;

    let dos = "label: dos\nlabel-id: 0x1234abcd\nstart=8, size=8, type=83\n\
               start=16, size=100, type=5\nstart=24, size=8\nstart=40, size=16\n";
    save("mbr", false, &made(64, &[("sfdisk", &[], dos)])?)?;
    let bare = made(512, &[("mkfs.fat", &["-F12"], "")])?;
    save("fat", false, &bare[..64 * KIB])?;
    Ok(())
}

/// The table of a disk with sectors of 512 bytes on one with 4096: the tools at hand cannot make
/// one in a file. Its checksums are mended by the target.
fn stretched(plain: &[u8]) -> Vec<u8> {
    let sectors = 64;
    let mut image = vec![0; sectors * 4096];
    image[..512].copy_from_slice(&plain[..512]);
    let array = &plain[1024..1024 + 16384];
    let last = sectors - 1;
    for (my, other, from) in [(1, last, 2), (last, 1, last - 4)] {
        let mut header = plain[512..1024].to_vec();
        let fields = [(24, my), (32, other), (40, 6), (48, last - 5), (72, from)];
        for (at, value) in fields {
            header[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
        }
        header[16..20].fill(0);
        let crc = crc32fast::hash(&header[..92]);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        image[my * 4096..my * 4096 + 512].copy_from_slice(&header);
        image[from * 4096..from * 4096 + array.len()].copy_from_slice(array);
    }
    image
}
