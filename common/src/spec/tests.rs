#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use tamis_sieve::filter;
use tamis_sieve::rules::Form;

use super::*;
use crate::error::Class;
use crate::shard::Format;

const FULL: &str = r#"
name = "finance-zh"
[tokenizer]
path = "tokenizers/qwen3.json"
[[source]]
name = "reports"
role = "domain"
inputs = ["data/reports/*.jsonl.zst", "more/"]
[[source]]
name = "web"
role = "general"
inputs = ["data/web/**/*.parquet"]
format = "csv"
encoding = "gb18030"
txt_unit = "line"
csv_delimiter = "\t"
dedup = "none"
[filter.length]
min_chars = 10
[dedup]
threshold = 0.75
keep = "longest"
index = "default"
resolve_memory = "2GiB"
[mix]
domain_to_general = "1:5"
[output]
uri = "out/finance-zh"
text = "jsonl.zst"
tokens = "megatron"
[run]
shard_bytes = "128MiB"
"#;

fn message(text: &str) -> String {
    let error = JobSpec::parse(text, "job.toml").unwrap_err();
    assert_eq!(error.class(), Class::Spec);
    error.message().to_owned()
}

#[test]
fn a_full_spec_is_read_with_its_defaults() {
    let spec = JobSpec::parse(FULL, "job.toml").unwrap();
    assert_eq!(spec.sources.len(), 2);
    assert_eq!(spec.sources[0].text_field, "text");
    assert_eq!(spec.sources[1].format, Some(Format::Csv));
    assert_eq!(spec.sources[1].csv_delimiter, '\t');
    assert_eq!((spec.sources[0].dedup, spec.sources[1].dedup), (SourceDedup::Full, SourceDedup::None));
    assert_eq!(spec.dedup.keep, Keep::Longest);
    assert_eq!((spec.dedup.params.bands, spec.dedup.params.rows), (21, 7));
    assert_eq!(spec.dedup.resolve_memory, 2 << 30);
    assert_eq!(spec.mix.unwrap().domain_to_general, Some((1.0, 5.0)));
    assert_eq!(spec.run.shard_bytes, 128 << 20);
    let [length] = spec.filter.filters.as_slice() else { panic!("{:?}", spec.filter) };
    assert_eq!((length.family().name, length.threshold(0, Form::General)), ("length", 10.0));
}

#[test]
fn json_is_told_by_its_extension_or_its_first_character() {
    let json = r#"{"name":"a","source":[{"name":"s","inputs":["x"]}],"output":{"uri":"o"}}"#;
    let spec = JobSpec::parse(json, "job.json").unwrap();
    assert_eq!(JobSpec::parse(json, "-").unwrap(), spec);
    assert_eq!(spec.output.tokens, TokenFormat::None);
    assert!(message(json).contains("is no TOML"), "a .toml that holds JSON");
}

#[test]
fn three_mistakes_are_reported_at_once_with_line_key_rule_and_value() {
    let text = FULL
        .replace("role = \"general\"", "role = \"generl\"")
        .replace("threshold = 0.75", "treshold = 0.75")
        .replace("min_chars = 10", "min_chars = -1");
    assert_eq!(
        message(&text),
        "3 problems in the job spec `job.toml`:\n  \
         line 11: `source[1].role` must be one of domain, general, got `generl`; did you mean `general`?\n  \
         line 19: `filter.length.min_chars` must be a number of at least 0 (0 turns the rule off), got `-1`\n  \
         line 21: `dedup.treshold` is unknown; did you mean `threshold`?"
    );
}

#[test]
fn a_spec_that_is_no_toml_names_the_line() {
    assert!(message("name = \"a\"\nx = = 3\n").contains("line 2: is no TOML"));
    let error = JobSpec::parse("{\n\"name\": }", "job.json").unwrap_err();
    assert!(error.message().contains("line 2: is no JSON"), "{error}");
}

#[test]
fn an_empty_spec_names_all_that_is_required() {
    let message = message("");
    for part in ["`name` is required", "`output` is required", "`source` needs at least one"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(message.starts_with("3 problems"), "{message}");
}

#[test]
fn values_of_the_wrong_type_are_named_with_what_was_expected() {
    let text = FULL
        .replace("inputs = [\"data/web/**/*.parquet\"]", "inputs = \"x\"")
        .replace("name = \"web\"", "name = 3")
        .replace("uri = \"out/finance-zh\"", "uri = [1, 2]")
        .replace("\"128MiB\"", "\"many\"")
        .replace("\"1:5\"", "\"1:0\"");
    let message = message(&text);
    for part in [
        "`source[1].inputs` must be a list of strings, got `x`",
        "`source[1].name` must be a string, got `3`",
        "`output.uri` must be a string, got a list of 2",
        "`run.shard_bytes` must be a size in bytes like 134217728 or \"128MiB\", got `many`",
        "`mix.domain_to_general` must be two positive numbers like \"1:5\", got `1:0`",
    ] {
        assert!(message.contains(part), "{part}\n{message}");
    }
    assert!(message.starts_with("5 problems"), "{message}");
}

/// One edit of the full spec, and what must be said of it.
#[test]
fn each_rule_has_its_message() {
    for (from, to, expected) in [
        ("name = \"finance-zh\"", "name = \"a b\"", "line 2: `name` must be 1 to 128 ASCII letters"),
        ("name = \"web\"", "name = \"reports\"", "line 10: `source[1].name` must be unique, got `reports`"),
        ("inputs = [\"data/web/**/*.parquet\"]", "inputs = []", "`source[1].inputs` must not be empty"),
        ("\"more/\"", "\"\"", "`source[0].inputs[1]` must not be empty"),
        ("threshold = 0.75", "threshold = 0.4", "`dedup.threshold` must be 0.5 to 0.95"),
        ("threshold = 0.75", "threshold = nan", "`dedup.threshold` must be 0.5 to 0.95"),
        (
            "threshold = 0.75",
            "near = false\nthreshold = 1.5",
            "`dedup.threshold` must be above 0 and at most 1",
        ),
        ("threshold = 0.75", "shingle = 0", "`dedup.shingle` must be at least 1, got `0`"),
        ("threshold = 0.75", "k = 8", "`dedup.k` must be 16 to 1024, got `8`"),
        ("threshold = 0.75", "bands = 40\nrows = 8", "got `40` x `8`"),
        ("threshold = 0.75", "bands = 14", "`dedup.rows` must be at least 1 and set together"),
        ("index = \"default\"", "index = \"../x\"", "`dedup.index` must be"),
        (
            "resolve_memory = \"2GiB\"",
            "resolve_memory = 5",
            "`dedup.resolve_memory` must be at least 1048576",
        ),
        ("role = \"general\"", "role = \"domain\"", "`source` needs one with role = \"general\""),
        ("path = \"tokenizers/qwen3.json\"", "", "line 3: `tokenizer.path` is required"),
        ("text = \"jsonl.zst\"", "level = 20", "`output.level` must be 1 to 19, got `20`"),
        (
            "tokens = \"megatron\"",
            "tokens = \"npz\"",
            "must be one of megatron, npy, parquet, none, got `npz`; did you mean `npy`?",
        ),
        ("\"128MiB\"", "1024", "`run.shard_bytes` must be at least 65536 (64 KiB), got `1024`"),
        ("\"128MiB\"", "\"1MB\"\nmax_attempts = 0", "`run.max_attempts` must be at least 1, got `0`"),
        ("\"128MiB\"", "\"1MB\"\nmax_slots = 5000000000", "`run.max_slots` is too large"),
        ("\"gb18030\"", "\"klingon\"", "`source[1].encoding` must be a WHATWG label"),
        ("csv_delimiter = \"\\t\"", "csv_delimiter = \"||\"", "`source[1].csv_delimiter` must be one ASCII"),
        ("csv_delimiter = \"\\t\"", "csv_delimiter = \"，\"", "`source[1].csv_delimiter` must be one ASCII"),
        ("min_chars = 10", "min_chars = 10\nmax_chars = 5", "`filter.length.max_chars` must be at least"),
        ("[filter.length]", "[filter.lenght]", "`filter.lenght` is unknown; did you mean `length`?"),
        (
            "domain_to_general = \"1:5\"",
            "weights = { reports = 1 }",
            "`mix.weights` must name every source that is written, `web` is missing",
        ),
        (
            "domain_to_general = \"1:5\"",
            "weights = { reports = 1, web = 0 }",
            "`mix.weights.web` must be a positive number, got `0`",
        ),
        (
            "domain_to_general = \"1:5\"",
            "weights = { reports = 1, web = 5, books = 2 }",
            "`mix.weights.books` is no source that is written",
        ),
        (
            "domain_to_general = \"1:5\"",
            "weights = { report = 1, web = 5 }",
            "`mix.weights.report` is no source that is written; did you mean `reports`?",
        ),
        (
            "domain_to_general = \"1:5\"",
            "domain_to_general = \"1:5\"\nweights = { reports = 1, web = 5 }",
            "`mix.weights` must not stand beside `mix.domain_to_general`",
        ),
        (
            "domain_to_general = \"1:5\"",
            "on_shortfall = \"hold_ratio\"",
            "`mix.on_shortfall` holds a ratio, and none is named",
        ),
        (
            "domain_to_general = \"1:5\"",
            "domain_to_general = \"1:5\"\nmax_tokens = 0",
            "`mix.max_tokens` must be at least 1, got `0`",
        ),
        (
            "role = \"general\"",
            "role = \"general\"\nmax_tokens = 0",
            "`source[1].max_tokens` must be at least 1",
        ),
        ("[run]", "[report]\nmax_noise = 1.5\n[run]", "`report.max_noise` must be from 0 to 1, got `1.5`"),
        (
            "[run]",
            "[report]\nmin_lexicon_coverage = 0.5\n[run]",
            "`report` has `min_lexicon_coverage` but no `lexicon`",
        ),
        ("[run]", "[report]\nsequence_length = 0\n[run]", "`report.sequence_length` must be at least 1"),
        ("[run]", "[zzzzzz]", "`zzzzzz` is unknown; known here: "),
    ] {
        assert!(FULL.contains(from), "{from}");
        let message = message(&FULL.replace(from, to));
        assert!(message.starts_with("1 problem in") && message.contains(expected), "{to}\n{message}");
    }
}

#[test]
fn tokens_and_mix_need_a_tokenizer() {
    let message = message(&FULL.replace("[tokenizer]\npath = \"tokenizers/qwen3.json\"", ""));
    assert!(message.contains("`output.tokens` needs a tokenizer"), "{message}");
    assert!(message.contains("`mix` needs a tokenizer"), "{message}");
}

#[test]
fn a_job_that_writes_nothing_is_refused() {
    let text = FULL.replace("\"jsonl.zst\"\ntokens = \"megatron\"", "\"none\"\ntokens = \"none\"");
    assert!(message(&text).contains("`output` must write text or tokens"));
}

#[test]
fn the_published_curve_can_be_asked_for() {
    let text = FULL.replace("threshold = 0.75", "verify = false\nbands = 14\nrows = 8\nthreshold = 0.3");
    let params = JobSpec::parse(&text, "job.toml").unwrap().dedup.params;
    assert_eq!((params.bands, params.rows, params.verify), (14, 8, false));
}

#[test]
fn the_folder_of_the_spec_is_taken_literally_and_its_patterns_are_not() {
    let mut spec = JobSpec::parse(FULL, "job.toml").unwrap();
    spec.absolutize(std::path::Path::new("/jobs/[1]"));
    assert_eq!(spec.sources[0].inputs[0], "/jobs/[[]1[]]/data/reports/*.jsonl.zst");
    assert_eq!(spec.output.uri, "/jobs/[1]/out/finance-zh");
    assert_eq!(spec.tokenizer.unwrap().path, "/jobs/[1]/tokenizers/qwen3.json");
}

fn any_name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9][a-zA-Z0-9._-]{0,20}"
}

prop_compose! {
    fn any_source(role: Role)(
        name in any_name(),
        inputs in prop::collection::vec("\\PC{1,20}", 1..3),
        format in prop::option::of(prop::sample::select(
            vec![Format::Jsonl, Format::Parquet, Format::Csv, Format::Txt])),
        text_field in "\\PC{1,8}",
        id_field in "\\PC{1,8}",
        url_field in "\\PC{1,8}",
        encoding in prop::sample::select(vec!["utf-8", "gb18030", "big5", "utf-16le"]),
        txt_unit in prop::sample::select(vec![TxtUnit::File, TxtUnit::Line, TxtUnit::Block]),
        csv_delimiter in prop::sample::select(vec![',', '\t', ';', '|', '\'']),
        dedup in prop::sample::select(vec![SourceDedup::Full, SourceDedup::None]),
        max_tokens in prop::option::of(1_u64..),
    ) -> SourceSpec {
        let encoding = encoding.to_owned();
        SourceSpec { name, role, inputs, format, text_field, id_field, url_field, encoding, txt_unit, csv_delimiter, dedup, max_tokens }
    }
}

prop_compose! {
    fn any_dedup()(
        (exact, near, verify, register) in any::<(bool, bool, bool, bool)>(),
        threshold in 0.5f64..=0.95,
        shingle in 1u32..100,
        (bands, rows) in (1u32..32, 1u32..32),
        index in prop::option::of(any_name()),
        keep in prop::sample::select(vec![Keep::First, Keep::Longest]),
        resolve_memory in (1u64 << 20)..u64::MAX,
    ) -> DedupSpec {
        let params = DedupParams { threshold, shingle, k: 1024, bands, rows, verify };
        DedupSpec { exact, near, params, keep, index, register, resolve_memory }
    }
}

prop_compose! {
    /// Any families in any order, some more than once, with other thresholds.
    fn any_filter()(
        words in prop::sample::select(vec![ChineseWords::Characters, ChineseWords::Jieba]),
        language in prop::sample::select(vec![Language::Auto, Language::General, Language::Chinese]),
        families in prop::collection::vec((prop::sample::select(vec![0, 1]), 0.0f64..1.0), 0..4),
    ) -> FilterSpec {
        let filters = families.into_iter().map(|(kind, share)| {
            let mut settings = Settings::defaults(filter::KINDS[kind].family, words);
            settings.set_threshold(0, Form::General, share);
            if !settings.family().rules[0].differs_for_chinese() {
                settings.set_threshold(0, Form::Chinese, share);
            }
            settings
        });
        let mut filters: Vec<Settings> = filters.collect();
        // A spec names the instances of a family in one place.
        filters.sort_by_key(|settings| settings.family().name);
        FilterSpec { language, words, filters }
    }
}

prop_compose! {
    fn any_report()(
        (min_tokens, sequence_length, batch_sequences) in (any::<u64>(), 1..u64::MAX, 1..u64::MAX),
        (ratio_tolerance, max_near_duplicates) in (0.0..=1.0, 0.0..=1.0),
        (max_divergence, min_novelty, max_noise) in prop::array::uniform3(prop::option::of(0.0..=1.0))
            .prop_map(|[a, b, c]| (a, b, c)),
        min_effective_sources in prop::option::of(0.0..100.0),
        lexicon in prop::collection::vec("\\PC{1,20}", 0..3),
        min_lexicon_coverage in 0.0..=1.0,
    ) -> ReportSpec {
        ReportSpec {
            min_tokens, ratio_tolerance, max_near_duplicates, max_divergence, min_effective_sources, min_novelty,
            min_lexicon_coverage: (!lexicon.is_empty()).then_some(min_lexicon_coverage),
            max_noise, lexicon, sequence_length, batch_sequences,
        }
    }
}

prop_compose! {
    fn any_spec()(
        name in any_name(),
        mut domain in any_source(Role::Domain),
        mut general in any_source(Role::General),
        filter in any_filter(),
        dedup in any_dedup(),
        mix in prop::option::of((
            (1e-9f64..1e9, 1e-9f64..1e9),
            any::<u64>(),
            any::<(bool, bool)>(),
            prop::option::of(1_u64..),
        )),
        (eos, add_special_tokens) in (prop::option::of("\\PC{1,8}"), any::<bool>()),
        report in any_report(),
        (uri, level) in ("\\PC{1,20}", 1i32..=19),
        (shard_bytes, max_attempts, max_slots) in ((64u64 << 10).., 1u32.., any::<u32>()),
        keep_work in prop::sample::select(vec![KeepWork::All, KeepWork::Index, KeepWork::Nothing]),
        text in prop::sample::select(vec![TextFormat::JsonlZst, TextFormat::Parquet, TextFormat::None]),
    ) -> JobSpec {
        // No order can make them equal.
        domain.name.insert(0, 'd');
        general.name.insert(0, 'g');
        if mix.is_none() {
            general.dedup = SourceDedup::Check;
        }
        JobSpec {
            name,
            tokenizer: Some(TokenizerSpec { path: "t.json".to_owned(), eos, add_special_tokens }),
            mix: mix.map(|((of_domain, of_general), seed, (hold, by_weight), max_tokens)| MixSpec {
                domain_to_general: (!by_weight).then_some((of_domain, of_general)),
                weights: by_weight.then(|| {
                    let names = [domain.name.clone(), general.name.clone()];
                    names.into_iter().zip([of_domain, of_general]).collect()
                }),
                max_tokens,
                seed,
                on_shortfall: if hold { OnShortfall::HoldRatio } else { OnShortfall::KeepAll },
            }),
            sources: vec![domain, general],
            clean: CleanSpec::default(),
            filter,
            dedup,
            report,
            output: OutputSpec { uri, text, tokens: TokenFormat::Megatron, level },
            run: RunSpec {
                shard_bytes,
                on_corrupt: OnCorrupt::Skip,
                on_bad_record: OnBadRecord::Fail,
                max_bad_share: 0.25,
                max_attempts,
                max_slots,
                keep_work,
            },
            limits: LimitsSpec { json_depth: max_slots.max(1), inputs: shard_bytes, ..LimitsSpec::default() },
        }
    }
}

#[test]
fn limits_and_bad_records_have_defaults_values_and_rules() {
    let spec = JobSpec::parse(FULL, "job.toml").unwrap();
    assert_eq!(spec.limits, LimitsSpec::default());
    assert_eq!((spec.run.on_bad_record, spec.run.max_bad_share), (OnBadRecord::Drop, 0.01));

    let more = "on_bad_record = \"fail\"\nmax_bad_share = 0\n[limits]\nrecord_bytes = \"1MiB\"\njson_depth = 3\n\
                expansion = 10\nwindow_bytes = \"8MiB\"\npage_bytes = 5\nrow_group_bytes = \"1GiB\"\ninputs = 7\n";
    let spec = JobSpec::parse(&format!("{FULL}{more}"), "job.toml").unwrap();
    assert_eq!((spec.run.on_bad_record, spec.run.max_bad_share), (OnBadRecord::Fail, 0.0));
    let expected = LimitsSpec {
        record_bytes: 1 << 20,
        json_depth: 3,
        expansion: 10,
        window_bytes: 8 << 20,
        page_bytes: 5,
        row_group_bytes: 1 << 30,
        inputs: 7,
    };
    assert_eq!(spec.limits, expected);
    assert_eq!(JobSpec::from_json(&spec.to_canonical_json()).unwrap(), spec);

    let wrong = "on_bad_record = \"ignore\"\nmax_bad_share = 1.5\n[limits]\nrecord_bytes = \"3GiB\"\njson_depth = 0\n\
                 expansion = 0\nwindow_bytes = 1\npages = 1\n";
    let said = message(&format!("{FULL}{wrong}"));
    for part in [
        "`run.on_bad_record` must be one of drop, fail, got `ignore`",
        "`run.max_bad_share` must be 0 to 1, got `1.5`",
        "`limits.record_bytes` must be 1 byte to 2 GiB, got `3221225472`",
        "`limits.json_depth` must be at least 1, got `0`",
        "`limits.expansion` must be at least 1, got `0`",
        "`limits.window_bytes` must be 1 KiB to 2 GiB, got `1`",
        "`limits.pages` is unknown",
    ] {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
}

proptest! {
    #[test]
    fn a_spec_written_as_canonical_json_is_read_back_the_same(spec in any_spec()) {
        spec.validate().unwrap();
        let json = spec.to_canonical_json();
        let read = JobSpec::from_json(&json).unwrap();
        prop_assert_eq!(&read, &spec);
        prop_assert_eq!(read.to_canonical_json(), json);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}") {
        let _ = JobSpec::parse(&text, "job.toml");
        let _ = JobSpec::parse(&text, "job.json");
    }
}

#[test]
fn filters_stand_in_the_order_of_the_file() {
    let names = |sections: &str| {
        let spec =
            JobSpec::parse(&FULL.replace("[filter.length]\nmin_chars = 10\n", sections), "job.toml").unwrap();
        let read = JobSpec::from_json(&spec.to_canonical_json()).unwrap();
        assert_eq!(read, spec);
        spec.filter.filters.iter().map(|settings| settings.family().name).collect::<Vec<_>>()
    };
    assert_eq!(names("[filter.length]\n[filter.gopher_quality]\n"), ["length", "gopher_quality"]);
    assert_eq!(names("[filter.gopher_quality]\n[filter.length]\n"), ["gopher_quality", "length"]);
    assert_eq!(names("[[filter.length]]\n[[filter.length]]\n"), ["length", "length"]);
}

#[test]
fn a_threshold_for_chinese_has_its_own_section_where_the_defaults_differ() {
    let text = "[filter.gopher_quality]\nmax_ellipsis_lines = 0.5\nmax_mean_word_chars = 9\nchinese.max_mean_word_chars = 4\n";
    let spec = JobSpec::parse(&FULL.replace("[filter.length]\nmin_chars = 10\n", text), "job.toml").unwrap();
    let settings = &spec.filter.filters[0];
    let thresholds = |rule: usize| [Form::General, Form::Chinese].map(|form| settings.threshold(rule, form));
    assert_eq!((thresholds(7), thresholds(3)), ([0.5, 0.5], [9.0, 4.0]));
}

#[test]
fn a_preset_is_a_list_that_sections_change() {
    let parse =
        |text: &str| JobSpec::parse(&FULL.replace("[filter.length]\nmin_chars = 10\n", text), "job.toml");
    let spec = parse("[filter]\npreset = \"recommended\"\n[filter.length]\nmin_chars = 5\n").unwrap();
    let preset = filter::presets::preset("recommended").unwrap().settings(ChineseWords::Characters);
    assert!(spec.filter.filters.len() >= preset.len());
    let first = preset[0].family().name;
    let spec = parse(&format!("[filter]\npreset = \"recommended\"\nexcept = [\"{first}\"]\n")).unwrap();
    assert_eq!(spec.filter.filters.len(), preset.len() - 1);
    let error =
        message(&FULL.replace("[filter.length]\nmin_chars = 10\n", "[filter]\nexcept = [\"length\"]\n"));
    assert!(error.contains("`filter.except` takes families out of a preset, and none is named"), "{error}");
}

#[test]
fn a_name_that_no_index_may_have_is_refused_with_the_spec() {
    let named =
        |length: usize| FULL.replace("index = \"default\"", &format!("index = \"{}\"", "i".repeat(length)));
    assert!(JobSpec::parse(&named(MAX_INDEX_NAME), "job.toml").is_ok());
    assert!(message(&named(MAX_INDEX_NAME + 1)).contains("`dedup.index` must be 1 to 100 ASCII letters"));
}

#[test]
fn no_family_has_the_name_of_a_key_beside_its_section() {
    let cleaners = tamis_sieve::clean::KINDS.iter().map(|kind| kind.family.name);
    for name in filter::KINDS.iter().map(|kind| kind.family.name).chain(cleaners) {
        assert!(!["preset", "except", "language", "words"].contains(&name), "`{name}` is a key, too");
    }
    let spec = JobSpec::parse(FULL, "job.toml").unwrap();
    assert_eq!(JobSpec::from_json(&spec.to_canonical_json()).unwrap(), spec);
}
