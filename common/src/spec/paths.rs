//! Relative paths, which are relative to the file that the spec stands in.

use std::path::Path;

use super::JobSpec;

impl JobSpec {
    /// Makes inputs, output, tokenizer, lexicon and the files of cleaners and filters absolute against `base`, the absolute folder of the spec file, and takes
    /// `.` and `..` out of paths by their text alone. URIs (`file://`, `s3://`) stay as they are.
    pub fn absolutize(&mut self, base: &Path) {
        let base = base.to_string_lossy();
        let literal = globset::escape(&base);
        for source in &mut self.sources {
            for input in &mut source.inputs {
                *input = absolute(&literal, input);
            }
        }
        self.output.uri = absolute(&base, &self.output.uri);
        for settings in self.clean.cleaners.iter_mut().chain(&mut self.filter.filters) {
            settings.map_files(|path| absolute(&base, path));
        }
        for path in &mut self.report.lexicon {
            *path = absolute(&base, path);
        }
        if let Some(tokenizer) = &mut self.tokenizer {
            tokenizer.path = absolute(&base, &tokenizer.path);
        }
    }
}

fn absolute(base: &str, path: &str) -> String {
    // An empty path is a broken rule, which must not turn into the base.
    if path.is_empty() || path.contains("://") {
        return path.to_owned();
    }
    match path.starts_with('/') {
        true => normalise(path),
        false => normalise(&format!("{base}/{path}")),
    }
}

fn normalise(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_are_taken_from_the_base_and_normalised() {
        for (path, expected) in [
            ("data/*.jsonl", "/jobs/a/data/*.jsonl"),
            ("./x", "/jobs/a/x"),
            ("../b/./c/", "/jobs/b/c"),
            ("/abs/../d", "/d"),
            ("../../../../e", "/e"),
            ("s3://bucket/a/../b", "s3://bucket/a/../b"),
            ("file:///x/y", "file:///x/y"),
            ("", ""),
        ] {
            assert_eq!(absolute("/jobs/a", path), expected, "{path}");
        }
    }
}
