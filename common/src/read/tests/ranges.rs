//! Every record belongs to exactly one range.

use proptest::prelude::*;

use super::*;

/// The records of all ranges between the cuts, numbered as if they were one shard's.
fn in_ranges(content: &[u8], format: Format, source: &SourceSpec, cuts: &[u64]) -> Vec<Seen> {
    let folder = Folder::new();
    let whole = folder.shard(content, format);
    let mut cuts: Vec<u64> = cuts.iter().map(|cut| cut % (whole.size + 1)).collect();
    cuts.extend([0, whole.size]);
    cuts.sort_unstable();
    let mut all: Vec<Seen> = Vec::new();
    for range in cuts.windows(2) {
        let (start, end) = (range[0], range[1]);
        let shard = Shard { part: Part::Bytes { start, end }, bytes: end - start, ..whole.clone() };
        let (ended, seen) = read_with(&folder, &shard, source, OnCorrupt::Fail);
        ended.unwrap();
        assert!(seen.iter().all(|seen| (start..end).contains(&seen.offset)));
        all.extend(seen);
    }
    for (i, seen) in all.iter_mut().enumerate() {
        seen.record = i as u32;
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn ranges_of_json_lines_have_all_records_once(
        lines in prop::collection::vec("(\\{\"text\":\"[a-z你]{1,9}\"\\}|x|  |)(\n|\r\n)", 0..9),
        last in "(\\{\"text\":\"[a-z]{1,9}\"\\}|)",
        mark: bool,
        cuts in prop::collection::vec(any::<u64>(), 0..6),
    ) {
        let content = format!("{}{}{last}", if mark { "\u{feff}" } else { "" }, lines.concat());
        let whole = read(content.as_bytes(), Format::Jsonl, &source());
        let records = content.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
        prop_assert_eq!(whole.len(), records.count());
        prop_assert_eq!(in_ranges(content.as_bytes(), Format::Jsonl, &source(), &cuts), whole);
    }

    #[test]
    fn ranges_of_gb18030_lines_have_all_records_once(
        lines in prop::collection::vec("[a-z你好，€\u{20000} ]{0,9}(\n|\r\n)", 0..9),
        cuts in prop::collection::vec(any::<u64>(), 0..6),
    ) {
        let content = encoded(&lines.concat(), "gb18030");
        let source = SourceSpec { encoding: "gb18030".into(), txt_unit: TxtUnit::Line, ..source() };
        let whole = read(&content, Format::Txt, &source);
        let lines: Vec<String> = lines.iter().map(|line| line.trim_end_matches(['\r', '\n']).to_owned()).collect();
        let expected: Vec<&String> = lines.iter().filter(|line| !line.trim().is_empty()).collect();
        prop_assert_eq!(whole.iter().map(Seen::text).collect::<Vec<_>>(), expected);
        prop_assert_eq!(in_ranges(&content, Format::Txt, &source, &cuts), whole);
    }
}

#[test]
fn every_cut_of_a_small_file_gives_the_same_records() {
    let content = b"{\"text\":\"a\"}\r\n\n{\"text\":\"b\"}\n\n\n{\"text\":\"c\"}";
    let whole = read(content, Format::Jsonl, &source());
    assert_eq!(shorts(&whole), ["a", "b", "c"]);
    assert_eq!(whole.iter().map(|seen| seen.offset).collect::<Vec<_>>(), [0, 15, 30]);
    for cut in 0..=content.len() as u64 {
        assert_eq!(in_ranges(content, Format::Jsonl, &source(), &[cut]), whole, "cut at {cut}");
    }
}

#[test]
fn a_line_longer_than_its_range_belongs_to_the_range_it_begins_in() {
    let content = format!("{{\"text\":\"{}\"}}\n{{\"text\":\"b\"}}\n", "a".repeat(3 << 20));
    let whole = read(content.as_bytes(), Format::Jsonl, &source());
    assert_eq!(whole.len(), 2);
    assert_eq!(in_ranges(content.as_bytes(), Format::Jsonl, &source(), &[1 << 20, 2 << 20]), whole);
}
