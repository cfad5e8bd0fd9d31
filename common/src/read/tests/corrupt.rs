//! Inputs that are truncated, corrupt, or not what the plan saw.

use super::*;

fn lines(count: u32) -> Vec<u8> {
    let line = |i: u32| format!("{{\"text\":\"line {i} {:x}\"}}\n", i.wrapping_mul(0x9e37_79b9));
    (0..count).map(line).collect::<String>().into_bytes()
}

#[test]
fn an_input_that_changed_under_the_job_is_an_error_that_names_it() {
    let folder = Folder::new();
    let shard = folder.shard(b"{\"text\":\"a\"}\n", Format::Jsonl);
    for changed in [
        Shard { size: shard.size + 1, ..shard.clone() },
        Shard { version: "another".into(), ..shard.clone() },
    ] {
        for on_corrupt in [OnCorrupt::Fail, OnCorrupt::Skip] {
            let error = read_with(&folder, &changed, &source(), on_corrupt).0.unwrap_err();
            assert_eq!(error.class(), Class::Input);
            assert!(error.message().contains("changed under the job"), "{error}");
            assert!(error.message().contains(shard.uri.as_str()));
        }
    }
}

#[test]
fn an_input_that_is_gone_is_not_found() {
    let folder = Folder::new();
    let shard = folder.shard(b"", Format::Jsonl);
    folder.storage.remove(&shard.uri).unwrap();
    let error = read_with(&folder, &shard, &source(), OnCorrupt::Skip).0.unwrap_err();
    assert_eq!(error.class(), Class::NotFound);
}

#[test]
fn a_truncated_input_is_an_error_that_names_the_file_and_the_place() {
    let plain = lines(20_000);
    for packed in [gzip(&plain), zstd(&plain)] {
        let error = error_of(&packed[..packed.len() / 2], Format::Jsonl, &source());
        assert_eq!(error.class(), Class::Input);
        assert!(error.message().contains("is truncated or corrupt behind byte "), "{error}");
        assert!(error.hint().unwrap().contains("on_corrupt"));
    }
}

#[test]
fn with_skip_the_whole_lines_before_a_truncation_are_kept_and_the_cut_one_dropped() {
    let plain = lines(20_000);
    let whole = read(&plain, Format::Jsonl, &source());
    for packed in [gzip(&plain), zstd(&plain)] {
        for cut in [packed.len() / 2, packed.len() * 3 / 4, packed.len() - 1] {
            let folder = Folder::new();
            let shard = folder.shard(&packed[..cut], Format::Jsonl);
            let (end, mut seen) = read_with(&folder, &shard, &source(), OnCorrupt::Skip);
            assert!(end.unwrap().corrupt.unwrap().contains(shard.uri.as_str()));
            if seen.last().is_some_and(|last| last.short() == "truncated") {
                seen.pop();
            }
            assert_eq!(seen, whole[..seen.len()], "cut at {cut} of {}", packed.len());
            assert!(cut < packed.len() - 1 || seen.len() > 10_000);
        }
    }
}

#[test]
fn a_wrong_checksum_is_corrupt() {
    let mut packed = gzip(b"{\"text\":\"a\"}\n{\"text\":\"b\"}");
    let crc = packed.len() - 8;
    packed[crc] ^= 1;
    assert_eq!(error_of(&packed, Format::Jsonl, &source()).class(), Class::Input);
    let folder = Folder::new();
    let shard = folder.shard(&packed, Format::Jsonl);
    let (end, seen) = read_with(&folder, &shard, &source(), OnCorrupt::Skip);
    assert!(end.unwrap().corrupt.is_some());
    // Whether the last line is whole cannot be known.
    assert_eq!(shorts(&seen), ["a", "truncated"]);
}

#[test]
fn what_is_corrupt_from_its_first_byte_has_no_records() {
    for content in [&b"\x1f\x8b\xff\xff\0\0"[..], b"\x1f\x8b", b"\x28\xb5\x2f\xfd\xff\xff\xff"] {
        for format in [Format::Jsonl, Format::Csv, Format::Txt] {
            let folder = Folder::new();
            let shard = folder.shard(content, format);
            let (end, seen) = read_with(&folder, &shard, &source(), OnCorrupt::Skip);
            assert!(end.unwrap().corrupt.is_some());
            assert_eq!(seen, []);
            assert_eq!(error_of(content, format, &source()).class(), Class::Input);
        }
    }
}

#[test]
fn what_is_gathered_from_lines_is_no_record_if_it_was_cut_off() {
    let truncated = |content: &[u8]| {
        let mut packed = gzip(content);
        packed.truncate(packed.len() - 8);
        packed
    };
    let skipped = |content: &[u8], format, unit| {
        let folder = Folder::new();
        let source = SourceSpec { txt_unit: unit, ..source() };
        let shard = folder.shard(&truncated(content), format);
        let (end, seen) = read_with(&folder, &shard, &source, OnCorrupt::Skip);
        assert!(end.unwrap().corrupt.is_some());
        seen.iter().map(|seen| seen.short().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(skipped(b"a\n\nb\nc\n", Format::Txt, TxtUnit::Block), ["a", "truncated"]);
    assert_eq!(skipped(b"a\n\nb\nc", Format::Txt, TxtUnit::Block), ["a", "truncated"]);
    assert_eq!(skipped(b"a\n\n", Format::Txt, TxtUnit::Block), ["a"]);
    assert_eq!(skipped(b"a\nb", Format::Txt, TxtUnit::File), ["truncated"]);
    assert_eq!(skipped(b"text\na\n\"b\nc\n", Format::Csv, TxtUnit::File), ["a", "truncated"]);
    assert_eq!(skipped(b"text\na\nb\n", Format::Csv, TxtUnit::File), ["a", "b"]);
}

#[test]
fn an_error_of_the_sink_ends_reading_and_is_never_skipped() {
    let folder = Folder::new();
    let shard = folder.shard(&lines(3), Format::Jsonl);
    let mut given = 0;
    let error =
        read_shard(&folder.storage, &shard, &source(), OnCorrupt::Skip, &LimitsSpec::default(), &mut |_| {
            given += 1;
            Err(Error::input("enough"))
        })
        .unwrap_err();
    assert_eq!((error.message(), given), ("enough", 1));
}
