//! How fast a shard becomes tokens: run it with `--nocapture` on an idle machine.

#![expect(clippy::unwrap_used, reason = "tests")]

use tamis_common::artefact::{SurvivorsWriter, VERDICTS, VerdictsWriter};
use tamis_common::ids::ShardId;
use tamis_common::shard::{Compression, Format, Part};

use super::*;
use crate::tokenize::Tokenizer;
use crate::tokenize::tests::{corpus_texts, cpu_seconds, plain};
use crate::write::tests::Fixture;

/// As in the product.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SPEC: &str = "name = \"bench\"\n[tokenizer]\npath = \"t\"\n[[source]]\nname = \"s\"\ninputs = [\"/in\"]\n\
    [output]\nuri = \"/out\"\ntext = \"none\"\n";

/// All texts as the survivors of one shard, without verdicts and drops.
fn survivors(fixture: &Fixture, texts: &[String]) -> (Uri, Uri) {
    let scan = fixture.work.join("scan");
    let mut writer = SurvivorsWriter::create(&fixture.storage, &scan.join(SURVIVORS)).unwrap();
    for (record, text) in (0..).zip(texts) {
        let id = record.to_string();
        writer.push(&Survivor { record, offset: 0, id: &id, text, extra: "" }).unwrap();
    }
    writer.finish().unwrap();
    let drops = tamis_common::artefact::DropsWriter::create(&fixture.storage, &scan.join(DROPS)).unwrap();
    drops.finish().unwrap();
    let verdicts = scan.join(VERDICTS);
    VerdictsWriter::create(&fixture.storage, &verdicts).unwrap().finish().unwrap();
    (scan, verdicts)
}

#[test]
#[ignore = "needs TAMIS_TEST_TOKENIZER, a tokenizer.json, and TAMIS_TEST_CORPUS, a folder of JSONL files"]
fn emitting_the_tokens_of_a_corpus() {
    let path = std::env::var("TAMIS_TEST_TOKENIZER").unwrap();
    let (mut chinese, mut others) = (Vec::new(), Vec::new());
    for text in corpus_texts(&std::env::var("TAMIS_TEST_CORPUS").unwrap()) {
        let is_chinese = text.len() > text.chars().count() * 2;
        if is_chinese { chinese.push(text) } else { others.push(text) }
    }
    let bytes = std::fs::read(&path).unwrap();
    let spec = JobSpec::parse(SPEC, "job.toml").unwrap();
    for (language, texts) in [("Chinese", chinese), ("English and others", others)] {
        let fixture = Fixture::new();
        let (scan, verdicts) = survivors(&fixture, &texts);
        let mut tokenizer = None;
        let loading = cpu_seconds(|| tokenizer = Some(Tokenizer::load(&bytes, &path).unwrap()));
        let tokenizer = tokenizer.unwrap();
        let shard = Shard {
            id: ShardId(0),
            source: 0,
            uri: Uri::parse("/in").unwrap(),
            size: 1,
            version: "1".to_owned(),
            format: Format::Jsonl,
            compression: Compression::None,
            part: Part::Whole,
            bytes: texts.iter().map(String::len).sum::<usize>() as u64,
        };
        let mut manifest = None;
        let seconds = cpu_seconds(|| {
            let emitted = emit(&EmitContext {
                storage: &fixture.storage,
                spec: &spec,
                shard: &shard,
                scan: &scan,
                verdicts: &verdicts,
                work: &fixture.work.join("emit"),
                tokenizer: Some(plain(&tokenizer)),
                budget: None,
                lexicon: None,
                progress: &Progress::default(),
            });
            manifest = Some(emitted.unwrap());
        });
        let stats = manifest.unwrap().emit.unwrap();
        let megabytes = stats.emitted.bytes as f64 / 1e6;
        println!(
            "{language}: {} documents, {megabytes:.1} MB, {} tokens by {}: {:.1} MB a CPU-second ({seconds:.2} s; the tokenizer loaded in {loading:.2} s)",
            stats.emitted.docs,
            stats.tokens.unwrap(),
            stats.engine.unwrap(),
            megabytes / seconds,
        );
    }
}
