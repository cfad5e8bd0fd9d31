#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Instant;

use serde_json::Value;
use tamis_common::Class;

use super::*;

/// A byte-level BPE of the 256 bytes and a few merges, with an added token, padding and truncation.
pub(crate) fn small_tokenizer_json() -> Value {
    let merges = [["h", "e"], ["l", "l"], ["he", "ll"], ["hell", "o"], ["Ġ", "w"], ["ä", "¸"], ["ä¸", "Ń"]];
    let mut vocab = serde_json::Map::new();
    let bytes = tokenizers::pre_tokenizers::byte_level::ByteLevel::alphabet();
    let mut alphabet: Vec<char> = bytes.into_iter().collect();
    alphabet.sort_unstable();
    for (id, character) in alphabet.into_iter().enumerate() {
        vocab.insert(character.to_string(), id.into());
    }
    for [left, right] in merges {
        vocab.insert(format!("{left}{right}"), vocab.len().into());
    }
    let end = vocab.len();
    serde_json::json!({
        "version": "1.0",
        "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
        "padding": {"strategy": {"Fixed": 16}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": end,
            "pad_type_id": 0, "pad_token": "<|end|>"},
        "added_tokens": [{"id": end, "content": "<|end|>", "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true}],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocab,
            "merges": merges}
    })
}

fn small_tokenizer() -> Tokenizer {
    Tokenizer::load(small_tokenizer_json().to_string().as_bytes(), "small.json").unwrap()
}

/// A tokenizer without anything that a spec adds.
pub(crate) fn plain(tokenizer: &Tokenizer) -> Encoder<'_> {
    let spec = TokenizerSpec { path: String::new(), eos: None, add_special_tokens: false };
    Encoder::new(tokenizer, &spec).unwrap()
}

/// `small_tokenizer_json` whose post-processor puts its end token behind every text.
fn ending_tokenizer() -> Tokenizer {
    let mut json = small_tokenizer_json();
    json["post_processor"] = serde_json::json!({
        "type": "TemplateProcessing",
        "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "<|end|>", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|end|>": {"id": "<|end|>", "ids": [263], "tokens": ["<|end|>"]}}
    });
    Tokenizer::load(json.to_string().as_bytes(), "ending.json").unwrap()
}

#[test]
fn a_document_ends_as_the_spec_says_and_never_twice() {
    let tokenizer = ending_tokenizer();
    let ids = |eos: Option<&str>, add_special_tokens: bool| {
        let spec = TokenizerSpec { path: String::new(), eos: eos.map(str::to_owned), add_special_tokens };
        let encoder = Encoder::new(&tokenizer, &spec).unwrap();
        let (mut ids, mut expected) = (Vec::new(), Vec::new());
        encoder.encode("hello", &mut ids).unwrap();
        encoder.encode_reference("hello", &mut expected).unwrap();
        assert_eq!(ids, expected);
        ids
    };
    let hello = tokenizer.reference.token_to_id("hello").unwrap();
    assert_eq!(ids(None, false), [hello]);
    assert_eq!(ids(Some("<|end|>"), false), [hello, 263]);
    assert_eq!(ids(None, true), [hello, 263]);
    assert_eq!(ids(Some("<|end|>"), true), [hello, 263]);
}

#[test]
fn a_token_that_is_none_cannot_end_documents() {
    let spec = TokenizerSpec { path: String::new(), eos: Some("</s>".to_owned()), add_special_tokens: false };
    let error = Encoder::new(&small_tokenizer(), &spec).unwrap_err();
    assert_eq!(error.class(), Class::Spec);
    assert_eq!(error.message(), "`tokenizer.eos` must be a token of the tokenizer `small.json`, got `</s>`");
}

#[test]
fn a_tokenizer_encodes_whole_texts_without_padding_or_truncation() {
    let tokenizer = small_tokenizer();
    let encoder = plain(&tokenizer);
    let mut ids = vec![7; 3];
    encoder.encode("hello world, hello world", &mut ids).unwrap();
    let hello = tokenizer.reference.token_to_id("hello").unwrap();
    assert_eq!(ids[0], hello);
    assert_eq!(ids.len(), 14);
    assert_eq!(encoder.count("hello").unwrap(), 1);
    assert_eq!(encoder.count("").unwrap(), 0);
    assert_eq!(encoder.count("中").unwrap(), 1);
}

#[test]
fn added_tokens_in_text_are_one_id_and_count_as_vocabulary() {
    let tokenizer = small_tokenizer();
    assert_eq!(tokenizer.vocab_size(), 256 + 7 + 1);
    let mut ids = Vec::new();
    plain(&tokenizer).encode("<|end|>", &mut ids).unwrap();
    assert_eq!(ids, [263]);
}

#[test]
fn the_vocabulary_reaches_to_the_largest_id() {
    let mut json = small_tokenizer_json();
    json["added_tokens"][0]["id"] = 70_000.into();
    json["model"]["vocab"]["<|end|>"] = 70_000.into();
    let tokenizer = Tokenizer::load(json.to_string().as_bytes(), "holes.json").unwrap();
    assert_eq!(tokenizer.vocab_size(), 70_001);
}

#[test]
fn both_engines_give_the_same_ids() {
    let tokenizer = small_tokenizer();
    assert_eq!(tokenizer.engine(), "fastokens");
    let (mut ids, mut expected) = (Vec::new(), Vec::new());
    for text in probe::texts(&tokenizer.reference) {
        plain(&tokenizer).encode(&text, &mut ids).unwrap();
        plain(&tokenizer).encode_reference(&text, &mut expected).unwrap();
        assert_eq!(ids, expected, "{text:?}");
    }
}

#[test]
fn a_file_that_fastokens_does_not_know_is_taken_by_the_reference() {
    let json = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": {"a": 0, "b": 1, "?": 2}, "unk_token": "?"}
    });
    let tokenizer = Tokenizer::load(json.to_string().as_bytes(), "words.json").unwrap();
    assert_eq!(tokenizer.engine(), "tokenizers");
    let mut ids = Vec::new();
    plain(&tokenizer).encode("a b c a", &mut ids).unwrap();
    assert_eq!(ids, [0, 1, 2, 0]);
}

#[test]
fn what_is_no_tokenizer_is_refused_by_name() {
    for bytes in
        [&b""[..], b"not json", b"{}", b"[1]", b"{\"model\":{}}", b"{\"model\":{\"type\":\"BPE\"}}", b"\xff"]
    {
        let error = Tokenizer::load(bytes, "some/file.json").unwrap_err();
        assert_eq!(error.class(), Class::Spec);
        assert!(error.message().contains("`some/file.json` is no tokenizer.json"), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn random_ids_are_refused() {
    let mut json = small_tokenizer_json();
    json["model"]["dropout"] = 0.1.into();
    let error = Tokenizer::load(json.to_string().as_bytes(), "random.json").unwrap_err();
    assert_eq!(error.message(), "`random.json`: `model.dropout` must be 0 or null, got 0.1");
}

#[test]
fn a_panic_is_contained() {
    let outcome: Result<(), String> = contained(|| panic!("on purpose"));
    assert_eq!(outcome.unwrap_err(), "panicked: on purpose");
}

#[test]
fn one_text_in_two_thousand_is_compared_with_the_reference() {
    let tokenizer = small_tokenizer();
    let sampled = (0..100_000).filter(|i| tokenizer.is_sampled_for_reference(&format!("text {i}"))).count();
    assert!((25..=80).contains(&sampled), "{sampled}");
}

#[test]
fn tokenizers_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Tokenizer>();
}

/// Also measures: run it with `--nocapture` on an idle machine.
#[test]
#[ignore = "needs TAMIS_TEST_TOKENIZER, a tokenizer.json, and TAMIS_TEST_CORPUS, a folder of JSONL files"]
fn both_engines_agree_on_every_document_of_a_corpus() {
    let path = std::env::var("TAMIS_TEST_TOKENIZER").unwrap();
    let corpus = std::env::var("TAMIS_TEST_CORPUS").unwrap();
    let started = Instant::now();
    let tokenizer = Tokenizer::load(&std::fs::read(&path).unwrap(), &path).unwrap();
    println!("loaded in {:?}: {tokenizer:?}", started.elapsed());
    assert_eq!(tokenizer.engine(), "fastokens");

    let (mut chinese, mut others) = (Vec::new(), Vec::new());
    for text in corpus_texts(&corpus) {
        let is_chinese = text.len() > text.chars().count() * 2;
        if is_chinese { chinese.push(text) } else { others.push(text) }
    }
    assert!(chinese.len() + others.len() > 0);
    for (language, texts) in [("Chinese", chinese), ("English and others", others)] {
        let mut ids = vec![Vec::new(); texts.len()];
        let fast = cpu_seconds(|| {
            texts.iter().zip(&mut ids).for_each(|(text, ids)| plain(&tokenizer).encode(text, ids).unwrap());
        });
        let mut expected = vec![Vec::new(); texts.len()];
        let reference = cpu_seconds(|| {
            let pairs = texts.iter().zip(&mut expected);
            pairs.for_each(|(text, ids)| plain(&tokenizer).encode_reference(text, ids).unwrap());
        });
        for ((text, ids), expected) in texts.iter().zip(&ids).zip(&expected) {
            assert_eq!(ids, expected, "{text:?}");
        }
        let megabytes = texts.iter().map(String::len).sum::<usize>() as f64 / 1e6;
        println!(
            "{language}: {} documents, {megabytes:.1} MB; MB a CPU-second: fastokens {:.1}, tokenizers {:.2}",
            texts.len(),
            megabytes / fast,
            megabytes / reference,
        );
    }
}

/// CPU time of this thread, so that a busy machine does not spoil the figure.
pub(crate) fn cpu_seconds(run: impl FnOnce()) -> f64 {
    let on_cpu = || -> f64 {
        let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        schedstat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
    };
    let before = on_cpu();
    run();
    on_cpu() - before
}

pub(crate) fn corpus_texts(folder: &str) -> impl Iterator<Item = String> {
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_string_lossy().contains("part-"));
    files.sort();
    files.into_iter().flat_map(|path| {
        let content = std::fs::read_to_string(path).unwrap();
        let lines = content.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|record| record["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    })
}

#[test]
fn unigram_and_wordpiece_files_load_and_are_taken_by_an_engine_that_agrees() {
    let unigram = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        "pre_tokenizer": null, "post_processor": null, "decoder": null,
        "model": {"type": "Unigram", "unk_id": 0, "byte_fallback": false,
            "vocab": [["<unk>", 0.0], ["▁", -3.0], ["a", -4.0], ["ab", -2.0], ["中", -5.0], ["中文", -2.5]]}
    });
    let word_piece = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": {"[UNK]": 0, "un": 1, "##able": 2, "中": 3, "文": 4}}
    });
    for (json, text, expected) in
        [(unigram, "ab 中文a", vec![3, 1, 5, 2]), (word_piece, "Unable 中文 x", vec![1, 2, 3, 4, 0])]
    {
        let tokenizer = Tokenizer::load(json.to_string().as_bytes(), "small.json").unwrap();
        let mut ids = Vec::new();
        plain(&tokenizer).encode(text, &mut ids).unwrap();
        assert_eq!(ids, expected, "{text}");
    }
}
