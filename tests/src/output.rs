//! Readers of an output folder that share no code with the writers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, StringArray};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// A published output folder.
#[derive(Clone, Debug)]
pub struct Output(PathBuf);

/// A line of `drops/`.
#[derive(Clone, Debug)]
pub struct DropLine {
    /// The dropped document.
    pub id: Option<String>,
    /// `stage/rule`.
    pub rule: String,
    /// The job of the partner that is kept; empty: this job.
    pub kept_job: Option<String>,
    /// The id of the partner that is kept.
    pub kept_id: Option<String>,
}

impl Output {
    /// The output in a folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// A JSON file of the output.
    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&fs::read(self.0.join(name)).unwrap()).unwrap()
    }

    /// The manifest as its bytes: equal ones mean equal outputs, as it holds the digest of every file.
    ///
    /// # Panics
    /// If a file does not have the digest and size that the manifest gives, or a file is not in it.
    pub fn checked_manifest(&self) -> String {
        let manifest = self.json("manifest.json");
        let mut named = vec!["manifest.json".to_owned(), "run.json".to_owned()];
        for file in manifest["files"].as_array().unwrap() {
            let name = file["name"].as_str().unwrap();
            let bytes = fs::read(self.0.join(name)).unwrap();
            assert_eq!(file["size"], bytes.len(), "{name}");
            assert_eq!(file["sha256"], hex(&Sha256::digest(&bytes)), "{name}");
            named.push(name.to_owned());
        }
        for path in files_below(&self.0) {
            let name = path.strip_prefix(&self.0).unwrap().to_str().unwrap().to_owned();
            assert!(named.contains(&name), "the manifest does not name `{name}`");
        }
        fs::read_to_string(self.0.join("manifest.json")).unwrap()
    }

    /// Files of one kind by their extension, in order.
    pub fn files(&self, folder: &str, extension: &str) -> Vec<PathBuf> {
        let mut files = files_below(&self.0.join(folder));
        files.retain(|path| path.to_str().unwrap().ends_with(extension));
        files.sort();
        files
    }

    /// The records of `text/`, in order.
    pub fn records(&self) -> Vec<Value> {
        let mut records = Vec::new();
        for path in self.files("text", ".jsonl.zst") {
            let text = zstd::decode_all(fs::File::open(path).unwrap()).unwrap();
            let lines = std::str::from_utf8(&text).unwrap().lines();
            records.extend(lines.map(|line| serde_json::from_str::<Value>(line).unwrap()));
        }
        records
    }

    /// The ids of the tokens of every document in `tokens/`, in order, read as megatron-core's indexed dataset reads
    /// them: lengths and byte pointers from `.idx`, ids from `.bin`.
    pub fn tokens(&self) -> Vec<Vec<u32>> {
        let mut documents = Vec::new();
        for idx in self.files("tokens", ".idx") {
            documents.extend(read_megatron(&idx));
        }
        documents
    }

    /// The same of numpy arrays: ids, cut at their offsets.
    pub fn npy_tokens(&self) -> Vec<Vec<u32>> {
        let mut documents = Vec::new();
        for offsets in self.files("tokens", ".offsets.npy") {
            let ids = read_npy(Path::new(&offsets.to_str().unwrap().replace(".offsets.npy", ".npy")));
            let offsets = read_npy(&offsets);
            let cuts = offsets.windows(2).map(|cut| &ids[cut[0] as usize..cut[1] as usize]);
            documents.extend(cuts.map(|ids| ids.iter().map(|id| *id as u32).collect::<Vec<_>>()));
        }
        documents
    }

    /// The same of Parquet: id and token ids of every document.
    pub fn parquet_tokens(&self) -> Vec<(String, Vec<u32>)> {
        let mut documents = Vec::new();
        for path in self.files("tokens", ".parquet") {
            let file = fs::File::open(path).unwrap();
            for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
                let batch = batch.unwrap();
                let ids = batch.column_by_name("id").unwrap().as_string::<i32>();
                let lists = batch.column_by_name("input_ids").unwrap().as_list::<i32>();
                for row in 0..batch.num_rows() {
                    let list = lists.value(row);
                    let tokens = list.as_primitive::<arrow_array::types::Int32Type>().values();
                    let tokens = tokens.iter().map(|id| u32::try_from(*id).unwrap()).collect();
                    documents.push((ids.value(row).to_owned(), tokens));
                }
            }
        }
        documents
    }

    /// The lines of `drops/`.
    pub fn drops(&self) -> Vec<DropLine> {
        let mut drops = Vec::new();
        for path in self.files("drops", ".parquet") {
            let file = fs::File::open(path).unwrap();
            for batch in ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap() {
                let batch = batch.unwrap();
                let column = |name: &str| -> StringArray {
                    let column = batch.column_by_name(name).unwrap_or_else(|| panic!("{name}: {batch:?}"));
                    column.as_string::<i32>().clone()
                };
                let (ids, stages, rules) = (column("id"), column("stage"), column("rule"));
                let (jobs, partners) = (column("kept_job"), column("kept_id"));
                let value = |column: &StringArray, row: usize| {
                    (!column.is_null(row)).then(|| column.value(row).to_owned())
                };
                drops.extend((0..batch.num_rows()).map(|row| DropLine {
                    id: value(&ids, row),
                    rule: format!("{}/{}", stages.value(row), rules.value(row)),
                    kept_job: value(&jobs, row),
                    kept_id: value(&partners, row),
                }));
            }
        }
        drops
    }

    /// Checks that every record that was read ended in one output or one drop, and that the report says the same.
    pub fn check_sums(&self) {
        let report = self.json("report.json");
        let stage = |name: &str| -> u64 {
            let stages = report["funnel"].as_array().unwrap();
            stages.iter().find(|stage| stage["stage"] == name).unwrap()["docs"].as_u64().unwrap()
        };
        let (records, drops) = (self.records().len() as u64, self.drops());
        assert_eq!(stage("emitted"), records);
        assert_eq!(stage("read"), records + drops.len() as u64);
        let mut by_rule: BTreeMap<String, u64> = BTreeMap::new();
        for drop in &drops {
            *by_rule.entry(drop.rule.clone()).or_default() += 1;
        }
        let reported: BTreeMap<String, u64> = report["drops"]
            .as_array()
            .unwrap()
            .iter()
            .map(|drop| {
                let rule = format!("{}/{}", drop["stage"].as_str().unwrap(), drop["rule"].as_str().unwrap());
                (rule, drop["docs"].as_u64().unwrap())
            })
            .collect();
        assert_eq!(by_rule, reported);
    }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries
        .flat_map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files_below(&path) } else { vec![path] }
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The numbers of an array of one dimension, as NEP 1 describes the file.
fn read_npy(path: &Path) -> Vec<u64> {
    let bytes = fs::read(path).unwrap();
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00", "{path:?}");
    let body = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..body]).unwrap();
    let width = ["<u2", "<u4", "<u8"].iter().position(|kind| header.contains(kind)).unwrap();
    bytes[body..]
        .chunks_exact(2 << width)
        .map(|number| number.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
        .collect()
}

/// The layout that megatron-core's `indexed_dataset.py` documents.
fn read_megatron(idx: &Path) -> Vec<Vec<u32>> {
    let index = fs::read(idx).unwrap();
    let data = fs::read(idx.with_extension("bin")).unwrap();
    assert_eq!(&index[..9], b"MMIDIDX\0\0");
    let u64_at = |at: usize| u64::from_le_bytes(index[at..at + 8].try_into().unwrap()) as usize;
    assert_eq!(u64_at(9), 1, "version");
    let width = match index[17] {
        8 => 2,
        4 => 4,
        code => panic!("type code {code}"),
    };
    let (sequences, boundaries) = (u64_at(18), u64_at(26));
    assert_eq!(boundaries, sequences + 1);
    let (lengths, pointers) = (34, 34 + 4 * sequences);
    assert_eq!(index.len(), pointers + 8 * sequences + 8 * boundaries);
    (0..sequences)
        .map(|i| {
            let at = lengths + 4 * i;
            let length = i32::from_le_bytes(index[at..at + 4].try_into().unwrap()) as usize;
            let start = u64_at(pointers + 8 * i);
            data[start..start + length * width]
                .chunks_exact(width)
                .map(|id| id.iter().rev().fold(0, |id, byte| id << 8 | u32::from(*byte)))
                .collect()
        })
        .collect()
}
