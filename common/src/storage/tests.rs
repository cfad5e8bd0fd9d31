#![expect(clippy::unwrap_used, reason = "tests")]

use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use object_store::memory::InMemory;
use parquet::file::reader::ChunkReader as _;
use proptest::prelude::*;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Storage over a folder, and the same over a bucket in memory.
struct Stores {
    storage: Storage,
    folder: TempDir,
    _runtime: Runtime,
}

impl Stores {
    fn new() -> Self {
        let runtime = runtime();
        let storage = Storage::new(runtime.handle().clone());
        storage.inner.buckets.insert("bucket", Arc::new(InMemory::new()));
        Self { storage, folder: tempfile::tempdir().unwrap(), _runtime: runtime }
    }

    fn roots(&self) -> [Uri; 2] {
        [Uri::from_path(self.folder.path()).unwrap(), Uri::parse("s3://bucket/root").unwrap()]
    }

    fn write(&self, names: &[&str]) {
        for root in self.roots() {
            for name in names {
                self.storage.put(&root.join(name), name.as_bytes()).unwrap();
            }
        }
    }

    fn expand(&self, root: &Uri, pattern: &str) -> Vec<String> {
        let found = self.storage.expand(root.join(pattern).as_str()).unwrap();
        let start = root.as_str().len() + 1;
        found.iter().map(|meta| meta.uri.as_str()[start..].to_owned()).collect()
    }
}

#[test]
fn folders_and_patterns_name_the_same_objects_on_disks_and_in_buckets() {
    let stores = Stores::new();
    stores.write(&[
        "b.jsonl",
        "a.jsonl",
        "sub/c.jsonl",
        "sub/deep/d.txt",
        ".hidden/e.jsonl",
        ".f.jsonl",
        "odd[1].jsonl",
        "语料.txt",
    ]);
    for root in stores.roots() {
        for (pattern, expected) in [
            ("a.jsonl", &["a.jsonl"][..]),
            ("odd[1].jsonl", &["odd[1].jsonl"]),
            ("odd[[]1].jsonl", &["odd[1].jsonl"]),
            ("*.jsonl", &["a.jsonl", "b.jsonl", "odd[1].jsonl"]),
            ("**/*.jsonl", &["a.jsonl", "b.jsonl", "odd[1].jsonl", "sub/c.jsonl"]),
            ("sub", &["sub/c.jsonl", "sub/deep/d.txt"]),
            ("sub/", &["sub/c.jsonl", "sub/deep/d.txt"]),
            ("s*/*", &["sub/c.jsonl"]),
            ("s*/", &["sub/c.jsonl", "sub/deep/d.txt"]),
            ("sub*", &["sub/c.jsonl", "sub/deep/d.txt"]),
            ("[s]ub/de?p", &["sub/deep/d.txt"]),
            ("{a,b}.jsonl", &["a.jsonl", "b.jsonl"]),
            ("?.jsonl", &["a.jsonl", "b.jsonl"]),
            ("语*", &["语料.txt"]),
            (".h*/*", &[".hidden/e.jsonl"]),
        ] {
            assert_eq!(stores.expand(&root, pattern), expected, "{root} {pattern}");
        }
        let all = stores.storage.expand(root.as_str()).unwrap();
        assert_eq!(all.len(), 6, "{root}");
        assert!(all.is_sorted_by(|a, b| a.uri < b.uri));
        assert_eq!(stores.storage.list(&root).unwrap().len(), 8, "hidden ones are listed");
        assert!(stores.storage.list(&root.join("none")).unwrap().is_empty());
    }
}

#[test]
fn a_pattern_that_matches_nothing_is_an_error_that_names_it() {
    let stores = Stores::new();
    stores.write(&["a.jsonl", "x/.hidden"]);
    for root in stores.roots() {
        for pattern in ["*.csv", "none/*.csv", "none", "x/"] {
            let error = stores.storage.expand(root.join(pattern).as_str()).unwrap_err();
            assert_eq!(error.class(), Class::NotFound, "{error}");
            assert!(error.message().contains(pattern), "{error}");
        }
    }
}

#[test]
fn nothing_is_visible_before_finish_and_nothing_stays_after_a_drop() {
    let stores = Stores::new();
    for root in stores.roots() {
        let uri = root.join("dir/x");
        let mut dropped = stores.storage.create(&uri).unwrap();
        dropped.write_all(&vec![7; 20 << 20]).unwrap();
        assert_eq!(stores.storage.head(&uri).unwrap_err().class(), Class::NotFound);
        drop(dropped);
        assert!(stores.storage.list(&root).unwrap().is_empty(), "{root}");

        let mut writer = stores.storage.create(&uri).unwrap();
        writer.write_all(&vec![7; 20 << 20]).unwrap();
        writer.write_all(b"end").unwrap();
        let written = writer.finish().unwrap();
        assert_eq!(written.size, (20 << 20) + 3);
        let read = stores.storage.read(&uri).unwrap();
        assert_eq!(read.len() as u64, written.size);
        assert!(read.ends_with(b"\x07end"));
        assert_eq!(hex(&<sha2::Sha256 as sha2::Digest>::digest(&read)), written.sha256);
    }
}

#[test]
fn ranges_and_streams_give_the_bytes_that_were_written() {
    let stores = Stores::new();
    let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    for root in stores.roots() {
        let uri = root.join("x");
        stores.storage.put(&uri, &bytes).unwrap();
        let reader = stores.storage.open(&uri).unwrap();
        assert_eq!(reader.size(), 3_000_000);
        assert_eq!(reader.range(100, 50).unwrap(), bytes[100..150]);
        assert_eq!(reader.range(2_999_990, 50).unwrap(), bytes[2_999_990..]);
        assert_eq!(reader.range(5_000_000, 50).unwrap().len(), 0);
        assert_eq!(reader.get_bytes(7, 8).unwrap(), bytes[7..15]);
        assert!(reader.get_bytes(2_999_990, 50).is_err(), "a short answer is an error for Parquet");
        for offset in [0, 1, 262_144, 2_999_999, 3_000_000, 9_000_000] {
            let mut read = Vec::new();
            reader.stream(offset).read_to_end(&mut read).unwrap();
            assert_eq!(read, bytes[bytes.len().min(offset as usize)..], "{root} {offset}");
        }
    }
}

#[test]
fn an_object_that_changes_in_its_bucket_while_it_is_read_is_an_error() {
    let stores = Stores::new();
    let uri = Uri::parse("s3://bucket/x").unwrap();
    stores.storage.put(&uri, b"first").unwrap();
    let before = stores.storage.head(&uri).unwrap().version;
    let reader = stores.storage.open(&uri).unwrap();
    stores.storage.put(&uri, b"other").unwrap();
    assert_ne!(stores.storage.head(&uri).unwrap().version, before);
    let error = reader.range(0, 5).unwrap_err();
    assert_eq!(error.class(), Class::Input);
    assert!(error.message().contains("s3://bucket/x") && error.message().contains("changed"), "{error}");
}

#[test]
fn publishing_moves_once_and_may_be_repeated() {
    let stores = Stores::new();
    let [local, bucket] = stores.roots();
    for (from, to) in [(&local, &local), (&bucket, &bucket), (&local, &bucket), (&bucket, &local)] {
        let (from, to) = (from.join("work/x"), to.join("out/deep/x"));
        let error = stores.storage.publish(&from, &to).unwrap_err();
        assert_eq!(error.class(), Class::NotFound, "{error}");
        assert!(error.message().contains(from.as_str()), "{error}");
        stores.storage.put(&from, b"text").unwrap();
        for _ in 0..2 {
            stores.storage.publish(&from, &to).unwrap();
            assert_eq!(stores.storage.read(&to).unwrap(), b"text");
            assert_eq!(stores.storage.head(&from).unwrap_err().class(), Class::NotFound);
        }
        stores.storage.remove(&to).unwrap();
    }
}

#[test]
fn of_two_that_put_if_absent_one_wins() {
    let stores = Stores::new();
    for root in stores.roots() {
        let uri = root.join("claims/x");
        assert!(stores.storage.put_if_absent(&uri, b"first").unwrap());
        assert!(!stores.storage.put_if_absent(&uri, b"second").unwrap());
        assert_eq!(stores.storage.read(&uri).unwrap(), b"first");
        assert_eq!(stores.storage.list(&root).unwrap().len(), 1, "nothing else is left");
    }
}

#[test]
fn removing_takes_a_folder_with_all_below_it_and_no_neighbour() {
    let stores = Stores::new();
    stores.write(&["a/x", "a/.y", "a/b/z", "ab/x"]);
    for root in stores.roots() {
        assert!(!stores.storage.is_empty(&root.join("a")).unwrap());
        for _ in 0..2 {
            stores.storage.remove(&root.join("a")).unwrap();
            assert!(stores.storage.is_empty(&root.join("a")).unwrap());
        }
        assert_eq!(stores.expand(&root, "**"), ["ab/x"]);
    }
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let stores = Stores::new();
    stores.write(&["file"]);
    let [local, bucket] = stores.roots();
    stores.storage.check_writable(&local.join("new/deep")).unwrap();
    stores.storage.check_writable(&bucket.join("new")).unwrap();
    assert!(stores.storage.is_empty(&local.join("new/deep")).unwrap());
    let error = stores.storage.check_writable(&local.join("file/below")).unwrap_err();
    assert!(error.message().starts_with("cannot write below"), "{error}");
    assert!(error.message().contains("file/below") && error.hint().is_some());
}

#[test]
fn names_with_newlines_are_read_and_names_that_are_no_utf8_are_refused() {
    let stores = Stores::new();
    let folder = stores.folder.path();
    std::fs::write(folder.join("two\nlines.txt"), "x").unwrap();
    let root = &stores.roots()[0];
    let found = stores.storage.expand(root.as_str()).unwrap();
    assert_eq!(stores.storage.read(&found[0].uri).unwrap(), b"x");
    std::fs::write(folder.join(std::ffi::OsStr::from_bytes(b"bad\xff.jsonl")), "x").unwrap();
    let error = stores.storage.expand(root.as_str()).unwrap_err();
    assert!(error.message().contains("is not UTF-8"), "{error}");
    assert_eq!(stores.expand(root, "*.txt").len(), 1, "a pattern that leaves it out is fine");
}

#[test]
fn links_are_followed_and_a_circle_of_links_is_an_error() {
    let stores = Stores::new();
    stores.write(&["a/x.txt"]);
    let folder = stores.folder.path();
    std::os::unix::fs::symlink(folder.join("a"), folder.join("b")).unwrap();
    let root = &stores.roots()[0];
    assert_eq!(stores.expand(root, "**/*.txt"), ["a/x.txt", "b/x.txt"]);
    std::os::unix::fs::symlink(folder, folder.join("a/up")).unwrap();
    let error = stores.storage.expand(root.as_str()).unwrap_err();
    assert!(error.message().contains("is a link to a folder above it"), "{error}");
}

#[test]
fn a_folder_is_no_object_and_a_key_that_no_store_can_name_is_refused() {
    let stores = Stores::new();
    stores.write(&["a/x"]);
    let [local, bucket] = stores.roots();
    assert!(stores.storage.open(&local.join("a")).is_err());
    assert!(stores.storage.head(&local.join("a")).is_err());
    assert!(stores.storage.put(&bucket.join("a/"), b"").is_err());
    assert_eq!(stores.storage.head(&bucket.join("a//x")).unwrap_err().class(), Class::Spec);
}

#[test]
fn requests_outlive_no_runtime_and_do_not_panic() {
    let runtime = runtime();
    let storage = Storage::new(runtime.handle().clone());
    storage.inner.buckets.insert("bucket", Arc::new(InMemory::new()));
    runtime.shutdown_background();
    let error = storage.head(&Uri::parse("s3://bucket/x").unwrap()).unwrap_err();
    assert!(error.message().contains("stopping"), "{error}");
}

#[test]
fn free_space_is_known_of_folders_that_do_not_exist_yet() {
    let stores = Stores::new();
    let [local, bucket] = stores.roots();
    assert!(stores.storage.free_bytes(&local.join("not/yet")).unwrap().unwrap() > 0);
    assert_eq!(stores.storage.free_bytes(&bucket).unwrap(), None);
    assert!(stores.storage.on_one_disk(&local, &local.join("not/yet")).unwrap());
    assert!(!stores.storage.on_one_disk(&bucket, &bucket).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_pattern_makes_the_expansion_panic(pattern in "[a-z/*?{}\\[\\],!.^\\\\-]{0,20}") {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "").unwrap();
        let pattern = Path::new(folder.path()).join(pattern.trim_start_matches(['/', '.']));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let _ = Storage::new(runtime.handle().clone()).expand(pattern.to_str().unwrap());
    }
}

/// Makes a bucket, which object stores leave to others. The server asks for no signature.
fn make_bucket(endpoint: &str, bucket: &str) {
    let host = endpoint.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(host).unwrap();
    write!(
        stream,
        "PUT /{bucket} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
#[ignore = "needs TAMIS_TEST_S3_ENDPOINT, the http:// address of an S3 server such as moto"]
fn an_s3_server_lists_reads_writes_publishes_and_removes() {
    let endpoint = std::env::var("TAMIS_TEST_S3_ENDPOINT").unwrap();
    let name = format!("storage-{}", std::process::id());
    make_bucket(&endpoint, &name);
    let runtime = runtime();
    let storage = Storage::new(runtime.handle().clone());
    let builder = object_store::aws::AmazonS3Builder::new()
        .with_endpoint(&endpoint)
        .with_allow_http(true)
        .with_access_key_id("test")
        .with_secret_access_key("test-secret");
    storage.inner.buckets.insert(&name, s3::connect(builder, &name).unwrap());
    let root = Uri::parse(&format!("s3://{name}/corpus")).unwrap();

    let large: Vec<u8> = (0..(20u32 << 20)).map(|i| (i / 3) as u8).collect();
    let mut writer = storage.create(&root.join("web/large 语料+%41.bin")).unwrap();
    writer.write_all(&large).unwrap();
    assert!(storage.is_empty(&root).unwrap(), "nothing is visible before finish");
    writer.finish().unwrap();
    for name in ["web/a.jsonl", "web/deep/b.jsonl", "web/.hidden", "empty"] {
        storage.put(&root.join(name), if name == "empty" { b"" } else { b"{}\n" }).unwrap();
    }
    let names = |pattern: &str| -> Vec<String> {
        let found = storage.expand(root.join(pattern).as_str()).unwrap();
        found.iter().map(|meta| meta.uri.as_str()[root.as_str().len() + 1..].to_owned()).collect()
    };
    assert_eq!(names("web/*.jsonl"), ["web/a.jsonl"]);
    assert_eq!(names("**/*.jsonl"), ["web/a.jsonl", "web/deep/b.jsonl"]);
    assert_eq!(names("web"), ["web/a.jsonl", "web/deep/b.jsonl", "web/large 语料+%41.bin"]);
    assert_eq!(names("empty"), ["empty"]);
    assert_eq!(storage.list(&root).unwrap().len(), 5);

    let reader = storage.open(&root.join("web/large 语料+%41.bin")).unwrap();
    assert_eq!(reader.range(1_000_000, 10).unwrap(), large[1_000_000..1_000_010]);
    let mut read = Vec::new();
    reader.stream(5).read_to_end(&mut read).unwrap();
    assert!(read == large[5..]);

    let (from, to) = (root.join("web/a.jsonl"), Uri::parse(&format!("s3://{name}/out/a.jsonl")).unwrap());
    for _ in 0..2 {
        storage.publish(&from, &to).unwrap();
        assert_eq!(storage.read(&to).unwrap(), b"{}\n");
    }
    assert!(storage.put_if_absent(&from, b"1").unwrap());
    assert!(!storage.put_if_absent(&from, b"2").unwrap());
    storage.check_writable(&root).unwrap();
    let mut dropped = storage.create(&root.join("dropped")).unwrap();
    dropped.write_all(&large).unwrap();
    drop(dropped);
    for _ in 0..2 {
        storage.remove(&root).unwrap();
        assert!(storage.is_empty(&root).unwrap());
    }
    assert_eq!(storage.read(&to).unwrap(), b"{}\n");
    let error = storage.head(&root.join("none")).unwrap_err();
    assert_eq!(error.class(), Class::NotFound);
    assert!(error.message().contains("/corpus/none") && !error.message().contains("test-secret"), "{error}");
}
