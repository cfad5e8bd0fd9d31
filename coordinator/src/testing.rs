//! What several tests need.

use tamis_common::spec::{
    CleanSpec, DedupSpec, FilterSpec, JobSpec, KeepWork, OnCorrupt, OutputSpec, Role, RunSpec, SourceDedup,
    SourceSpec, TextFormat, TokenFormat, TxtUnit,
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
            url_field: "url".to_owned(),
            encoding: "utf-8".to_owned(),
            txt_unit: TxtUnit::File,
            csv_delimiter: ',',
            dedup: SourceDedup::Full,
        }],
        clean: CleanSpec::default(),
        filter: FilterSpec::default(),
        dedup: DedupSpec::default(),
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
