//! Compiles the proto files, without a protoc, and keeps their descriptors, comments included.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

const FOLDER: &str = "proto/openvss/v1";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let mut files: Vec<PathBuf> = fs::read_dir(FOLDER)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler
        .include_source_info(true)
        .include_imports(true)
        .open_files(&files)?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);
    fs::write(
        out.join("openvss.v1.bin"),
        compiler.encode_file_descriptor_set(),
    )?;
    let set = compiler.file_descriptor_set();
    write_methods(&out.join("methods.rs"), &set)?;
    tonic_prost_build::configure()
        .build_server(env::var_os("CARGO_FEATURE_SERVER").is_some())
        .compile_fds(set)?;
    Ok(())
}

/// A list of all methods, as `openvss.v1.Catalogue/ListSets`: what else is called is unknown.
fn write_methods(path: &Path, set: &prost_types::FileDescriptorSet) -> Result<(), Box<dyn Error>> {
    let mut text = String::from("[\n");
    for file in &set.file {
        for service in &file.service {
            for method in &service.method {
                text.push_str(&format!(
                    "    \"{}.{}/{}\",\n",
                    file.package(),
                    service.name(),
                    method.name()
                ));
            }
        }
    }
    text.push_str("]\n");
    fs::write(path, text)?;
    Ok(())
}
