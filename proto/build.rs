//! Compiles `tamis/v1/*.proto` with protox, so that no `protoc` is needed.

use prost::Message as _;

/// Fields that JSON shows by the names of their values, and the function that writes them.
const NAMED: [(&str, &str); 7] = [
    ("tamis.v1.JobStatus.state", "job_state"),
    ("tamis.v1.PhaseProgress.phase", "phase"),
    ("tamis.v1.AttemptProgress.phase", "phase"),
    ("tamis.v1.Task.phase", "phase"),
    ("tamis.v1.Throughput.phase", "phase"),
    ("tamis.v1.TaskStatus.state", "task_state"),
    ("tamis.v1.ErrorDetail.class", "error_class"),
];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files =
        ["tamis/v1/types.proto", "tamis/v1/jobs.proto", "tamis/v1/workers.proto", "tamis/v1/index.proto"];
    let descriptors = protox::compile(files, ["."])?;
    let out_dir = std::path::PathBuf::from(std::env::var("OUT_DIR")?);
    std::fs::write(out_dir.join("descriptors.bin"), descriptors.encode_to_vec())?;
    let mut build = tonic_prost_build::configure().message_attribute(".", "#[derive(serde::Serialize)]");
    for (field, names) in NAMED {
        build = build.field_attribute(field, format!("#[serde(serialize_with = \"crate::names::{names}\")]"));
    }
    build.compile_fds(descriptors)?;
    for file in files {
        println!("cargo:rerun-if-changed={file}");
    }
    Ok(())
}
