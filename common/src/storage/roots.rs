//! Where jobs may read and write. Text and specs come from strangers: what lies elsewhere is not for them.

use std::path::{Component, Path, PathBuf};

use super::Uri;
use crate::error::{Class, Error, Result};

/// What a caller wants to do with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// List and read.
    Read,
    /// Make, replace, remove; what may be written may be read.
    Write,
}

/// Folders and prefixes of buckets below which everything is allowed, and nothing elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    read: Vec<Root>,
    write: Vec<Root>,
    /// Where the process itself writes for jobs; a spec must not name it.
    own: Option<Root>,
    /// Files and folders of the process that no job may touch: state, keys, tokens.
    closed: Vec<PathBuf>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Root {
    /// A local folder without links in its path, or one file.
    Local(PathBuf),
    /// A bucket and a key, or an empty one; what lies below it starts with the key and a slash.
    Bucket { bucket: String, key: String },
}

impl Roots {
    /// Roots from what an operator names: folders, files, `s3://bucket`, `s3://bucket/prefix`. Links in their paths are
    /// resolved once, now.
    ///
    /// # Errors
    /// `Class::Spec` for a relative path or an unknown scheme; `Class::Storage` for a path that cannot be resolved.
    pub fn new(read: &[String], write: &[String]) -> Result<Self> {
        let parse = |names: &[String]| names.iter().map(|name| Root::parse(name)).collect::<Result<Vec<_>>>();
        Ok(Self { read: parse(read)?, write: parse(write)?, ..Self::default() })
    }

    /// These roots, and `work`, where the process writes for jobs and which specs must not name.
    ///
    /// # Errors
    /// As [`Roots::new`].
    pub fn with_work(mut self, work: &Uri) -> Result<Self> {
        self.own = Some(Root::parse(work.as_str())?);
        Ok(self)
    }

    /// These roots without what stands beside a file that holds secrets; only the file, if a root lies in its folder.
    ///
    /// # Errors
    /// `Class::Storage` for a path that cannot be resolved.
    pub fn without_secret(mut self, file: &Path) -> Result<Self> {
        let file = resolve(file)?;
        let folder = file.parent().filter(|folder| !self.holds_root(folder));
        self.closed.push(folder.map_or_else(|| file.clone(), Path::to_owned));
        Ok(self)
    }

    /// These roots without a folder of the process; only without these parts of it, if a root lies in it.
    ///
    /// # Errors
    /// `Class::Storage` for a path that cannot be resolved.
    pub fn without_folder(mut self, folder: &Path, parts: &[&str]) -> Result<Self> {
        let folder = resolve(folder)?;
        match self.holds_root(&folder) {
            true => self.closed.extend(parts.iter().map(|part| folder.join(part))),
            false => self.closed.push(folder),
        }
        Ok(self)
    }

    fn holds_root(&self, folder: &Path) -> bool {
        let within = |root: &Root| matches!(root, Root::Local(root) if root.starts_with(folder));
        self.read.iter().chain(&self.write).any(within)
    }

    /// Whether nothing is allowed at all.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.write.is_empty()
    }

    /// These roots, and `folder` to be written.
    ///
    /// # Errors
    /// As [`Roots::new`].
    pub fn and_write(mut self, folder: &Uri) -> Result<Self> {
        let root = Root::parse(folder.as_str())?;
        if !self.write.contains(&root) {
            self.write.push(root);
        }
        Ok(self)
    }

    /// Refuses what lies elsewhere. Of a local path the links are resolved first, as far as it exists.
    ///
    /// # Errors
    /// `Class::Permission` that names the object and the allowed roots.
    pub fn check(&self, access: Access, uri: &Uri) -> Result<()> {
        let place = Place::of(uri)?;
        match self.own.as_ref().is_some_and(|own| place.lies_in(own)) {
            true => Ok(()),
            false => self.check_place(access, uri, &place),
        }
    }

    /// As [`Roots::check`], for what a spec or a caller names: the work of the process is none of that.
    ///
    /// # Errors
    /// As [`Roots::check`].
    pub fn check_named(&self, access: Access, uri: &Uri) -> Result<()> {
        let place = Place::of(uri)?;
        match self.own.as_ref().is_some_and(|own| place.lies_in(own)) {
            true => Err(belongs(access, uri)),
            false => self.check_place(access, uri, &place),
        }
    }

    fn check_place(&self, access: Access, uri: &Uri, place: &Place<'_>) -> Result<()> {
        if let Place::Local(path) = place
            && self.closed.iter().any(|closed| path.starts_with(closed))
        {
            return Err(belongs(access, uri));
        }
        match self.any(access, |root| place.lies_in(root)) {
            true => Ok(()),
            false => Err(self.refusal(access, uri)),
        }
    }

    fn any(&self, access: Access, holds: impl Fn(&Root) -> bool) -> bool {
        self.write.iter().any(&holds) || (access == Access::Read && self.read.iter().any(&holds))
    }

    fn refusal(&self, access: Access, uri: &Uri) -> Error {
        let verb = access.verb();
        let flag = match access {
            Access::Read => "--allow-read",
            Access::Write => "--allow-write",
        };
        let readable = match access {
            Access::Read => self.read.as_slice(),
            Access::Write => &[],
        };
        let mut allowed: Vec<String> = readable.iter().chain(&self.write).map(Root::to_string).collect();
        allowed.dedup();
        let allowed = match allowed.is_empty() {
            true => "nothing is".to_owned(),
            false => format!("allowed is what lies below {}", allowed.join(", ")),
        };
        let link = match uri.local_path().map(|path| (resolve(&path), path)) {
            Some((Ok(real), path)) if real != path => format!(" (a link to `{}`)", real.display()),
            _ => String::new(),
        };
        Error::new(Class::Permission, format!("`{uri}`{link} must not be {verb}: {allowed}")).with_hint(
            format!("allow it with `{flag} {uri}`, or with a folder or s3://bucket/prefix that holds it"),
        )
    }
}

impl Root {
    fn parse(name: &str) -> Result<Self> {
        let uri = Uri::parse(name)?;
        match uri.bucket_and_key() {
            Some((bucket, key)) => {
                Ok(Self::Bucket { bucket: bucket.to_owned(), key: key.trim_end_matches('/').to_owned() })
            }
            None => Ok(Self::Local(resolve(&super::local::path_of(&uri)?)?)),
        }
    }
}

/// Where an object stands.
enum Place<'a> {
    /// A path without links.
    Local(PathBuf),
    Bucket {
        bucket: &'a str,
        key: &'a str,
    },
}

impl<'a> Place<'a> {
    fn of(uri: &'a Uri) -> Result<Self> {
        if let Some((bucket, key)) = uri.bucket_and_key() {
            return match key.split('/').any(|part| part == "..") {
                true => Err(climbs(uri)),
                false => Ok(Self::Bucket { bucket, key }),
            };
        }
        let path = super::local::path_of(uri)?;
        match path.components().any(|part| part == Component::ParentDir) {
            true => Err(climbs(uri)),
            false => resolve(&path).map(Self::Local),
        }
    }

    fn lies_in(&self, root: &Root) -> bool {
        match (self, root) {
            (Self::Local(path), Root::Local(root)) => path.starts_with(root),
            (Self::Bucket { bucket, key }, Root::Bucket { bucket: ours, key: root }) => {
                let below = key.strip_prefix(root.as_str());
                ours == bucket && below.is_some_and(|b| root.is_empty() || b.is_empty() || b.starts_with('/'))
            }
            _ => false,
        }
    }
}

impl Access {
    fn verb(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "written",
        }
    }
}

fn belongs(access: Access, uri: &Uri) -> Error {
    let message = format!(
        "`{uri}` must not be {} by a job: state, work, keys or tokens of tamis stand there",
        access.verb()
    );
    Error::new(Class::Permission, message).with_hint("choose another place")
}

impl std::fmt::Display for Root {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local(path) => write!(f, "`{}`", path.display()),
            Self::Bucket { bucket, key } => write!(f, "`s3://{bucket}/{key}`"),
        }
    }
}

fn climbs(uri: &Uri) -> Error {
    Error::new(Class::Permission, format!("`{uri}` climbs with `..`"))
        .with_hint("write the path without `..`")
}

/// A path made absolute, without links and `..`, as far as it exists; what does not exist yet can be no link.
///
/// # Errors
/// `Class::Permission` for a link that leads nowhere; `Class::Storage` for what cannot be looked at.
pub fn resolve(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).map_err(|e| Error::io("find", path.display(), e))?;
    let mut missing = Vec::new();
    for ancestor in path.ancestors() {
        match std::fs::canonicalize(ancestor) {
            Ok(real) => {
                return Ok(missing.iter().rev().fold(real, |path, name| path.join(name)));
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                // A link that leads nowhere could lead anywhere once its target is made.
                if std::fs::symlink_metadata(ancestor).is_ok() {
                    let message = format!("`{}` is a link that leads nowhere", ancestor.display());
                    return Err(Error::new(Class::Permission, message));
                }
                missing.extend(ancestor.file_name());
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => {
                missing.extend(ancestor.file_name());
            }
            Err(error) => return Err(Error::io("resolve", ancestor.display(), error)),
        }
    }
    Ok(path)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn refused(roots: &Roots, access: Access, uri: &str) -> String {
        let error = roots.check(access, &Uri::parse(uri).unwrap()).unwrap_err();
        assert_eq!(error.class(), Class::Permission, "{error}");
        error.to_string()
    }

    fn allowed(roots: &Roots, access: Access, uri: &str) {
        roots.check(access, &Uri::parse(uri).unwrap()).unwrap();
    }

    #[test]
    fn only_what_lies_below_a_root_is_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let name = |below: &str| format!("{}/{below}", base.display());
        for below in ["in/a", "out", "secret"] {
            fs::create_dir_all(base.join(below)).unwrap();
        }
        let roots = Roots::new(&[name("in")], &[name("out")]).unwrap();
        allowed(&roots, Access::Read, &name("in/a/b.jsonl"));
        allowed(&roots, Access::Read, &name("in"));
        allowed(&roots, Access::Read, &name("out/x"));
        allowed(&roots, Access::Write, &name("out/new/folder/x"));
        assert!(refused(&roots, Access::Write, &name("in/a")).contains("must not be written"));
        let said = refused(&roots, Access::Read, &name("secret/x"));
        assert!(
            said.contains("must not be read: allowed is what lies below") && said.contains("/in`"),
            "{said}"
        );
        // A name that begins like a root lies not below it.
        refused(&roots, Access::Read, &name("inside"));
        assert!(refused(&roots, Access::Read, &name("in/../secret/x")).contains("climbs with `..`"));
        assert!(refused(&Roots::default(), Access::Read, &name("in")).contains("nothing is"));
    }

    #[test]
    fn links_are_followed_before_they_are_judged() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let name = |below: &str| format!("{}/{below}", base.display());
        for below in ["in", "out", "secret"] {
            fs::create_dir(base.join(below)).unwrap();
        }
        fs::write(base.join("secret/key"), "").unwrap();
        symlink(base.join("secret"), base.join("in/way")).unwrap();
        symlink(base.join("secret/key"), base.join("in/key")).unwrap();
        symlink(base.join("secret"), base.join("out/way")).unwrap();
        symlink(base.join("secret/not-yet"), base.join("out/dangling")).unwrap();
        symlink(base.join("in"), base.join("alias")).unwrap();
        let roots = Roots::new(&[name("alias")], &[name("out")]).unwrap();
        allowed(&roots, Access::Read, &name("in/x"));
        allowed(&roots, Access::Read, &name("alias/x"));
        assert!(refused(&roots, Access::Read, &name("in/key")).contains("(a link to `"));
        refused(&roots, Access::Read, &name("in/way/key"));
        refused(&roots, Access::Write, &name("out/way/new"));
        assert!(refused(&roots, Access::Write, &name("out/dangling")).contains("leads nowhere"));
    }

    #[test]
    fn what_belongs_to_the_process_is_closed_whatever_the_roots_are() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let name = |below: &str| format!("{}/{below}", base.display());
        for below in ["certs", "data/state", "data/work", "in"] {
            fs::create_dir_all(base.join(below)).unwrap();
        }
        symlink(base.join("certs"), base.join("in/way")).unwrap();
        let work = Uri::parse(&name("data/work")).unwrap();
        let roots = Roots::new(&[], &[base.to_str().unwrap().to_owned()]).unwrap().with_work(&work).unwrap();
        let roots = roots.without_folder(&base.join("data"), &["state"]).unwrap();
        let roots = roots.without_secret(&base.join("certs/server.key")).unwrap();
        allowed(&roots, Access::Write, &name("in/x"));
        for closed in ["data/state/db", "data/x", "certs/client.key", "in/way/ca.key"] {
            assert!(
                refused(&roots, Access::Read, &name(closed)).contains("keys or tokens of tamis"),
                "{closed}"
            );
        }
        // Its work is for itself, and not for a spec to name.
        allowed(&roots, Access::Write, &name("data/work/j-1/x"));
        let named = roots.check_named(Access::Write, &Uri::parse(&name("data/work/j-1/x")).unwrap());
        assert!(named.unwrap_err().to_string().contains("must not be written by a job"));

        // A root in the very folder: only what is known to be secret is closed.
        let narrow = Roots::new(&[name("data"), name("certs")], &[]).unwrap();
        let narrow = narrow.without_folder(&base.join("data"), &["state"]).unwrap();
        let narrow = narrow.without_secret(&base.join("certs/server.key")).unwrap();
        allowed(&narrow, Access::Read, &name("data/mine"));
        allowed(&narrow, Access::Read, &name("certs/corpus"));
        refused(&narrow, Access::Read, &name("data/state/db"));
        refused(&narrow, Access::Read, &name("certs/server.key"));
    }

    #[test]
    fn buckets_are_bounded_by_prefixes() {
        let roots = Roots::new(&["s3://data/corpora/".into()], &["s3://out".into()]).unwrap();
        allowed(&roots, Access::Read, "s3://data/corpora/a.jsonl");
        allowed(&roots, Access::Read, "s3://data/corpora");
        allowed(&roots, Access::Write, "s3://out/any/where");
        refused(&roots, Access::Write, "s3://data/corpora/a.jsonl");
        refused(&roots, Access::Read, "s3://data/corpora-secret/a");
        refused(&roots, Access::Read, "s3://data/a");
        refused(&roots, Access::Read, "s3://data");
        refused(&roots, Access::Read, "s3://other/corpora/a");
        assert!(refused(&roots, Access::Read, "s3://data/corpora/../a").contains("climbs"));
    }
}
