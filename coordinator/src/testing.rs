//! What several tests need.

use tamis_common::dedup::DedupParams;
use tamis_common::spec::{
    DedupSpec, FilterSpec, JobSpec, KeepWork, OnCorrupt, OutputSpec, Role, RunSpec, SourceSpec, TextFormat,
    TokenFormat, TxtUnit,
};

/// A spec with one source and an output folder.
pub(crate) fn spec(name: &str, output: &str) -> JobSpec {
    JobSpec {
        name: name.to_owned(),
        tokenizer: None,
        sources: vec![SourceSpec {
            name: "web".to_owned(),
            role: Role::Domain,
            inputs: vec!["/in".to_owned()],
            format: None,
            text_field: "text".to_owned(),
            id_field: "id".to_owned(),
            encoding: "utf-8".to_owned(),
            txt_unit: TxtUnit::File,
            csv_delimiter: ',',
        }],
        filter: FilterSpec::default(),
        dedup: DedupSpec {
            exact: true,
            near: true,
            params: DedupParams { threshold: 0.75, shingle: 5, k: 256, bands: 21, rows: 7, verify: true },
            index: None,
            register: true,
            resolve_memory: 1 << 30,
        },
        mix: None,
        output: OutputSpec {
            uri: output.to_owned(),
            text: TextFormat::JsonlZst,
            tokens: TokenFormat::None,
            level: 3,
        },
        run: RunSpec {
            shard_bytes: 1 << 20,
            on_corrupt: OnCorrupt::Fail,
            max_attempts: 3,
            max_slots: 0,
            keep_work: KeepWork::Index,
        },
    }
}
