//! The file of tokens: one line a token, with the hash of its secret. Who reads the file cannot call.
//!
//! A line holds id, role, SHA-256 of the secret in hex, name and time, separated by tabs. Empty lines and lines that begin
//! with `#` are kept as they are.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tamis_common::clock::{rfc3339, wall_ms};
use tamis_common::secret::Secret;
use tamis_common::storage::hex;
use tamis_common::{Class, Error, Result};

use super::roles::Role;

/// 256 bits that nobody can guess.
const SECRET_BYTES: usize = 32;
/// Enough to tell the tokens of a cluster apart.
const ID_BYTES: usize = 4;
const HASH_BYTES: usize = 32;
/// Bytes of a name at most: it stands in logs and errors.
const MAX_NAME: usize = 64;
/// Lets scanners for leaked secrets tell what they have found.
const PREFIX: &str = "tamis_";
const HEAD: &str = "# id, role, sha-256 of the secret, name, created; see `tamis token --help`\n";

/// A token as its file has it: without the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Unique within the file; it is no secret.
    pub id: String,
    /// What its holder may do.
    pub role: Role,
    /// Whose it is, for people to read.
    pub name: String,
    /// When it was made: RFC 3339, UTC.
    pub created: String,
    hash: [u8; HASH_BYTES],
}

/// A token that was just made.
#[derive(Debug)]
pub struct NewToken {
    /// What the file keeps.
    pub token: Token,
    /// What its holder keeps; nobody can find it out again.
    pub secret: Secret<String>,
}

/// The tokens of a file.
#[derive(Debug, Default)]
pub struct Tokens(Vec<Token>);

impl Tokens {
    /// Reads a file of tokens.
    ///
    /// # Errors
    /// Of the file system, or `Class::Spec` with the line that is wrong.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).map_err(|e| Error::io("read the tokens", path.display(), e))?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        let mut tokens: Vec<Token> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let Some(token) = parse_line(line).map_err(|e| at_line(path, number, &e))? else { continue };
            if tokens.iter().any(|other| other.id == token.id) {
                let twice = Error::spec(format!("the id `{}` stands there twice", token.id));
                return Err(at_line(path, number, &twice));
            }
            tokens.push(token);
        }
        Ok(Self(tokens))
    }

    /// The token of a secret. It takes as long whichever token fits, and if none does.
    pub fn find(&self, secret: &str) -> Option<&Token> {
        let hash = hash_of(secret);
        let mut found = None;
        for token in &self.0 {
            if bool::from(token.hash.ct_eq(&hash)) {
                found = Some(token);
            }
        }
        found
    }

    /// All of them, in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Token> {
        self.0.iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// One SHA-256 without salt is enough: a secret has 256 random bits, so there is no dictionary to try.
fn hash_of(secret: &str) -> [u8; HASH_BYTES] {
    Sha256::digest(secret.as_bytes()).into()
}

fn at_line(path: &Path, number: usize, error: &Error) -> Error {
    Error::spec(format!("`{}` line {number}: {}", path.display(), error.message()))
        .with_hint("`tamis token new` writes such a line; fields are separated by tabs")
}

/// The token of a line; `None` for one that holds none. No error shows the whole line: it may be a secret
/// that somebody put there.
fn parse_line(line: &str) -> Result<Option<Token>> {
    if line.trim().is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let fields: Vec<&str> = line.split('\t').collect();
    let [id, role, hash, name, created] = fields[..] else {
        let found = fields.len();
        return Err(Error::spec(format!(
            "a token has 5 fields: id, role, sha-256, name, created; here are {found}"
        )));
    };
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Err(Error::spec("the id must have letters, digits, `-` and `_` only"));
    }
    let role = role.parse()?;
    let hash = from_hex(hash)
        .ok_or_else(|| Error::spec(format!("the sha-256 of `{id}` must have 64 hex digits")))?;
    check_name(name)?;
    Ok(Some(Token { id: id.to_owned(), role, name: name.to_owned(), created: created.to_owned(), hash }))
}

fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
        let found = name.len();
        return Err(Error::spec(format!(
            "a token's name must have 1 to {MAX_NAME} bytes and no tabs or other control characters, got {found} bytes"
        )));
    }
    Ok(())
}

fn line_of(token: &Token) -> String {
    let Token { id, role, name, created, hash } = token;
    format!("{id}\t{role}\t{}\t{name}\t{created}\n", hex(hash))
}

fn from_hex(text: &str) -> Option<[u8; HASH_BYTES]> {
    if text.len() != 2 * HASH_BYTES || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; HASH_BYTES];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

fn random_hex<const N: usize>() -> Result<String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)
        .map_err(|e| Error::internal(format!("the system gives no random bytes: {e}")))?;
    Ok(hex(&bytes))
}

/// Makes a token and adds it to the file, which is made if there is none. `name` says whose it is.
///
/// # Errors
/// `Class::Spec` for a name that cannot stand in the file, or a file with a wrong line; else of the file system.
pub fn create(path: &Path, role: Role, name: &str) -> Result<NewToken> {
    check_name(name)?;
    let secret = format!("{PREFIX}{}", random_hex::<SECRET_BYTES>()?);
    let hash = hash_of(&secret);
    let created = rfc3339(wall_ms());
    let mut token = Token { id: String::new(), role, name: name.to_owned(), created, hash };
    change(path, |text, tokens| {
        while token.id.is_empty() || tokens.iter().any(|other| other.id == token.id) {
            token.id = random_hex::<ID_BYTES>()?;
        }
        let mut text = if text.is_empty() { HEAD.to_owned() } else { text.to_owned() };
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&line_of(&token));
        Ok(text)
    })?;
    Ok(NewToken { token, secret: Secret::new(secret) })
}

/// Takes a token out of the file: who holds it is refused a second later.
///
/// # Errors
/// `Class::NotFound` for an id that the file does not have, `Class::Spec` for a file with a wrong line; else of the file
/// system.
pub fn revoke(path: &Path, id: &str) -> Result<Token> {
    // What is not there is not made.
    std::fs::metadata(path).map_err(|e| Error::io("read the tokens", path.display(), e))?;
    let mut revoked = None;
    change(path, |text, tokens| {
        revoked = tokens.iter().find(|token| token.id == id).cloned();
        if revoked.is_none() {
            let message = format!("`{}` has no token with the id `{id}`", path.display());
            return Err(Error::new(Class::NotFound, message).with_hint("`tamis token list` shows them"));
        }
        let is_other = |line: &&str| !line.strip_prefix(id).is_some_and(|rest| rest.starts_with('\t'));
        Ok(text.split_inclusive('\n').filter(is_other).collect())
    })?;
    revoked.ok_or_else(|| Error::internal("a revoked token was lost"))
}

/// Replaces the file by what `change` makes of its text. One at a time; readers see the old file or the new one.
fn change(path: &Path, change: impl FnOnce(&str, &Tokens) -> Result<String>) -> Result<()> {
    let failed = |error| Error::io("write the tokens", path.display(), error);
    // A link stays one: what it names is replaced.
    let target = match std::fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => path.to_owned(),
        Err(error) => return Err(failed(error)),
    };
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    // The folder is the lock: the file itself is replaced, and a file beside it would be left behind.
    let lock = File::open(&folder).map_err(failed)?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|e| failed(e.into()))?;

    let (text, owner) = match std::fs::metadata(&target) {
        Ok(meta) => (std::fs::read_to_string(&target).map_err(failed)?, Some((meta.uid(), meta.gid()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => (String::new(), None),
        Err(error) => return Err(failed(error)),
    };
    let tokens = Tokens::parse(&text, path)?;
    let text = change(&text, &tokens)?;
    // Made with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(&folder).map_err(failed)?;
    if let Some((user, group)) = owner {
        // The coordinator must go on to read it, whoever changes it.
        let meta = file.as_file().metadata().map_err(failed)?;
        if (meta.uid(), meta.gid()) != (user, group) {
            fchown(file.as_file(), Some(user), Some(group)).map_err(failed)?;
        }
    }
    file.write_all(text.as_bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(&target).map_err(|e| failed(e.error))?;
    lock.sync_all().map_err(failed)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use super::*;

    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokens");
        (folder, path)
    }

    #[test]
    fn a_token_is_found_by_its_secret_which_the_file_does_not_hold() {
        let (folder, path) = file();
        let made = create(&path, Role::Submit, "data team").unwrap();
        let secret = made.secret.expose();
        assert_eq!(secret.len(), PREFIX.len() + 2 * SECRET_BYTES);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(secret.trim_start_matches(PREFIX)), "{text}");
        assert!(!format!("{made:?}").contains(secret), "{made:?}");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");

        let tokens = Tokens::read(&path).unwrap();
        assert_eq!(tokens.find(secret), Some(&made.token));
        for wrong in ["", PREFIX, &secret[..secret.len() - 1], &secret.to_uppercase()] {
            assert!(tokens.find(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_people_wrote_into_the_file_stays() {
        let (_folder, path) = file();
        let first = create(&path, Role::Read, "first").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\n# the trainers\n")).unwrap();
        let second = create(&path, Role::Worker, "second").unwrap();
        assert_eq!(revoke(&path, &first.token.id).unwrap(), first.token);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{HEAD}\n# the trainers\n{}", line_of(&second.token)));
        let again = revoke(&path, &first.token.id).unwrap_err();
        assert_eq!(again.class(), Class::NotFound, "{again}");
    }

    #[test]
    fn tokens_made_at_once_are_all_there_and_a_link_stays_one() {
        let (folder, path) = file();
        fs::write(folder.path().join("real"), "").unwrap();
        std::os::unix::fs::symlink("real", &path).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| create(&path, Role::Read, "one of many").unwrap());
            }
        });
        assert_eq!(Tokens::read(&path).unwrap().len(), 8);
        assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    }

    #[test]
    fn a_wrong_line_is_named_but_not_shown() {
        let good = "ab12\tread\t".to_owned() + &"0".repeat(64) + "\tname\t2026-01-01T00:00:00Z\n";
        for (line, why) in [
            ("tamis_secret", "a token has 5 fields: id, role, sha-256, name, created; here are 1"),
            ("id\troot\t00\tn\tt", "a role must be one of read, submit, operate, worker, got `root`"),
            ("id\tread\t00\tn\tt", "the sha-256 of `id` must have 64 hex digits"),
            ("i d\tread\t00\tn\tt", "the id must have letters, digits, `-` and `_` only"),
            (good.trim_end(), "the id `ab12` stands there twice"),
        ] {
            let error = Tokens::parse(&format!("{HEAD}{good}{line}\n"), Path::new("t")).unwrap_err();
            assert_eq!(error.message(), format!("`t` line 3: {why}"));
            assert_eq!(error.class(), Class::Spec);
        }
        let unnamed = good.replace("name", "");
        let error = Tokens::parse(&unnamed, Path::new("t")).unwrap_err();
        assert!(error.message().contains("name must have 1 to 64 bytes"), "{error}");
    }

    #[test]
    fn a_name_that_would_break_the_file_is_refused_before_anything_is_written() {
        let (_folder, path) = file();
        for name in ["", "a\tb", "a\nb", &"x".repeat(65)] {
            assert_eq!(create(&path, Role::Read, name).unwrap_err().class(), Class::Spec, "{name}");
        }
        assert!(!path.exists());
    }
}
