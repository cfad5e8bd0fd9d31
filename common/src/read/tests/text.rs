//! JSON lines, separated values and plain text that are not corrupt: encodings, compressions, rejected records.

use super::*;

fn with_encoding(label: &str) -> SourceSpec {
    SourceSpec { encoding: label.to_owned(), ..source() }
}

#[test]
fn bad_lines_are_rejected_and_the_others_read() {
    let content =
        b"{\"text\":\"a\"}\n{\"text\":\"\xff\"}\n{broken\n{}\n{\"text\":null}\n[]\n \n{\"text\":\"b\"}";
    let seen = read(content, Format::Jsonl, &source());
    assert_eq!(
        shorts(&seen),
        ["a", "not_utf8", "malformed_json", "text_missing", "text_null", "not_an_object", "b"]
    );
    assert_eq!((seen[1].offset, seen[1].raw_bytes), (13, 13));
    assert_eq!(seen.iter().map(|seen| seen.raw_bytes).sum::<u64>(), content.len() as u64 - 2);
}

#[test]
fn a_mark_at_the_start_and_carriage_returns_are_no_text() {
    let seen = read(b"\xef\xbb\xbf{\"text\":\"a\"}\r\n{\"text\":\"b\"}\r\n", Format::Jsonl, &source());
    assert_eq!(shorts(&seen), ["a", "b"]);
    assert_eq!(seen[1].offset, 17);
}

#[test]
fn empty_inputs_have_no_records() {
    for format in [Format::Jsonl, Format::Csv, Format::Txt] {
        for unit in [TxtUnit::File, TxtUnit::Line, TxtUnit::Block] {
            let source = SourceSpec { txt_unit: unit, ..source() };
            for content in [vec![], gzip(b""), zstd(b"")] {
                assert_eq!(read(&content, format, &source), [], "{format:?} {unit:?}");
            }
        }
    }
}

#[test]
fn many_gzip_members_and_zstd_frames_are_one_input() {
    let pieces: [&[u8]; 2] = [b"{\"text\":\"a\"}\n{\"te", b"xt\":\"b\"}\n"];
    let plain = read(&pieces.concat(), Format::Jsonl, &source());
    assert_eq!(shorts(&plain), ["a", "b"]);
    assert_eq!(read(&pieces.map(gzip).concat(), Format::Jsonl, &source()), plain);
    assert_eq!(read(&pieces.map(zstd).concat(), Format::Jsonl, &source()), plain);
}

#[test]
fn gb18030_is_decoded_by_line_and_a_malformed_one_is_rejected() {
    let mut content = encoded("{\"text\":\"你好，€\",\"题\":\"|\"}\n", "gb18030");
    content.extend(b"{\"text\":\"\xff\"}\n{\"text\":\"b\"}\n");
    let seen = read(&gzip(&content), Format::Jsonl, &with_encoding("gb18030"));
    assert_eq!(shorts(&seen), ["你好，€", "bad_encoding", "b"]);
    assert_eq!(seen[0].body.as_ref().unwrap().2, "\"题\":\"|\"");
    for unit in [TxtUnit::File, TxtUnit::Line, TxtUnit::Block] {
        let source = SourceSpec { txt_unit: unit, ..with_encoding("gbk") };
        assert_eq!(shorts(&read(&encoded("你好", "gbk"), Format::Txt, &source)), ["你好"]);
        assert_eq!(shorts(&read(b"\xff", Format::Txt, &source)), ["bad_encoding"]);
    }
}

#[test]
fn utf16_is_read_by_name_or_by_its_mark() {
    let text = "{\"text\":\"你\u{a0a}好\"}\r\n{\"text\":\"b\"}\n";
    let marked = utf16le(&format!("\u{feff}{text}"));
    let big: Vec<u8> = marked.chunks(2).flat_map(|unit| [unit[1], unit[0]]).collect();
    for (content, label) in [
        (utf16le(text), "utf-16le"),
        (marked.clone(), "utf-16"),
        (marked.clone(), "utf-8"),
        (gzip(&marked), "utf-8"),
        (big, "utf-16"),
    ] {
        let seen = read(&content, Format::Jsonl, &with_encoding(label));
        assert_eq!(shorts(&seen), ["你\u{a0a}好", "b"], "{label}");
    }
    let mut malformed = utf16le("{\"text\":\"a\"}\n");
    malformed.extend([0x00, 0xd8]);
    malformed.extend(utf16le("\n{\"text\":\"b\"}"));
    let seen = read(&malformed, Format::Jsonl, &with_encoding("utf-16le"));
    assert_eq!(shorts(&seen), ["a", "bad_encoding", "b"]);
}

#[test]
fn plain_text_is_a_file_lines_or_blocks() {
    let content = b"\xef\xbb\xbfone\r\ntwo\r\n \r\n\r\nthree\n";
    let of = |unit| read(content, Format::Txt, &SourceSpec { txt_unit: unit, ..source() });
    assert_eq!(shorts(&of(TxtUnit::File)), ["one\r\ntwo\r\n \r\n\r\nthree\n"]);
    assert_eq!(shorts(&of(TxtUnit::Line)), ["one", "two", "three"]);
    let blocks = of(TxtUnit::Block);
    assert_eq!(shorts(&blocks), ["one\ntwo", "three"]);
    assert_eq!((blocks[1].offset, blocks[1].raw_bytes), (18, 6));
    assert_eq!(blocks[0].body.as_ref().unwrap(), &(None, "one\ntwo".to_owned(), String::new()));
}

#[test]
fn plain_text_that_is_no_text_is_rejected_by_file_line_or_block() {
    let content = b"a\n\xff\n\nb\n";
    let of = |content, unit| read(content, Format::Txt, &SourceSpec { txt_unit: unit, ..source() });
    assert_eq!(shorts(&of(content, TxtUnit::File)), ["not_utf8"]);
    assert_eq!(shorts(&of(content, TxtUnit::Line)), ["a", "not_utf8", "b"]);
    assert_eq!(shorts(&of(content, TxtUnit::Block)), ["not_utf8", "b"]);
    assert_eq!(shorts(&of(b" \n", TxtUnit::File)), ["text_empty"]);
}

#[test]
fn csv_rows_have_quotes_line_ends_and_offsets() {
    let content = "\u{feff}id,text,\"the \"\"kind\"\"\"\r\n\
        1,\"two\r\nlines, \"\"quoted\"\"\",x\r\n\
        \r\n\
        2,plain,\"\t\\\"\r\n\
        ,last,";
    let seen = read(content.as_bytes(), Format::Csv, &source());
    assert_eq!(shorts(&seen), ["two\r\nlines, \"quoted\"", "plain", "last"]);
    let (id, _, extra) = seen[1].body.as_ref().unwrap();
    assert_eq!((id.as_deref(), extra.as_str()), (Some("2"), r#""the \"kind\"":"\t\\""#));
    assert_eq!(seen[2].body.as_ref().unwrap().0, None);
    for row in &seen {
        let start = &content[row.offset as usize..];
        assert!(["1,", "2,", ",last"].iter().any(|begin| start.starts_with(begin)), "{start}");
    }
}

#[test]
fn csv_rows_that_do_not_fit_are_rejected_one_by_one() {
    let content = b"text,id,text\na,1\nb,2,x,y\nc,3,z\n \xff,4,x\n,5,x\nd,6,\"open\n";
    let seen = read(content, Format::Csv, &source());
    assert_eq!(
        shorts(&seen),
        ["ragged_row", "ragged_row", "c", "not_utf8", "text_empty", "quote_not_closed"]
    );
    let cause = seen[1].body.as_ref().unwrap_err();
    assert_eq!((cause.value, cause.threshold), (Some(4.0), Some(3.0)));
    assert_eq!(seen[2].body.as_ref().unwrap().2, "\"_text\":\"z\"");
}

#[test]
fn csv_is_decoded_before_it_is_cut_into_fields() {
    // In GBK the second byte of 东 and others is `|` or a letter.
    let text = "id|text\n1|亅东\n2|\"亅|\n东\"\n";
    let content = encoded(text, "gbk");
    assert!(content.windows(2).any(|pair| pair[0] >= 0x81 && pair[1] == b'|'));
    let source = SourceSpec { csv_delimiter: '|', ..with_encoding("gbk") };
    assert_eq!(shorts(&read(&content, Format::Csv, &source)), ["亅东", "亅|\n东"]);
}

#[test]
fn a_csv_without_the_text_column_is_an_error_that_names_what_it_has() {
    let error = error_of(b"id,body\n1,a\n", Format::Csv, &source());
    assert_eq!(error.class(), Class::Input);
    assert!(error.message().contains("has no column `text`; it has `id`, `body`"), "{error}");
    let folder = Folder::new();
    let shard = folder.shard(b"id,body\n1,a\n", Format::Csv);
    // This is a mistake of the spec, not corrupt data to be skipped.
    assert!(read_with(&folder, &shard, &source(), OnCorrupt::Skip).0.is_err());
}
