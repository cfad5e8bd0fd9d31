//! Object stores that speak S3: one client a bucket, requests on the runtime, callers block.

use std::collections::HashMap;
use std::io;
use std::path::Path as NamePath;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, RetryConfig,
};
use tokio::runtime::Handle;

use super::glob::{self, Pattern};
use super::{ObjectMeta, Uri};
use crate::error::{Class, Error, Result};

/// The largest object that one server-side copy takes.
const MAX_COPY: u64 = 5 << 30;
/// Backoff doubles from 0.1 s to 5 s: with 8 retries about 20 s pass before a store counts as down. The task's own
/// attempts come on top.
const MAX_RETRIES: usize = 8;
const MAX_BACKOFF: Duration = Duration::from_secs(5);
const RETRY_TIMEOUT: Duration = Duration::from_secs(90);

/// The clients of all buckets.
pub(super) struct Buckets {
    runtime: Handle,
    known: Mutex<HashMap<String, Bucket>>,
}

impl Buckets {
    pub(super) fn new(runtime: Handle) -> Self {
        Self { runtime, known: Mutex::default() }
    }

    /// The client of the bucket that `uri` names, made at its first use from the `AWS_*` variables.
    pub(super) fn of(&self, uri: &Uri) -> Result<Bucket> {
        let Some((name, _)) = uri.bucket_and_key() else {
            return Err(Error::spec(format!("`{uri}` is not an s3:// URI")));
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = known.get(name) {
            return Ok(bucket.clone());
        }
        let store = connect(AmazonS3Builder::from_env(), name)?;
        let bucket = Bucket { name: name.to_owned(), store, runtime: self.runtime.clone() };
        known.insert(name.to_owned(), bucket.clone());
        Ok(bucket)
    }

    /// Lets a store stand for a bucket.
    #[cfg(test)]
    pub(super) fn insert(&self, name: &str, store: Arc<dyn ObjectStore>) {
        let bucket = Bucket { name: name.to_owned(), store, runtime: self.runtime.clone() };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), bucket);
    }
}

/// A client with our bounds on retries.
pub(super) fn connect(builder: AmazonS3Builder, bucket: &str) -> Result<Arc<dyn ObjectStore>> {
    let backoff = BackoffConfig { max_backoff: MAX_BACKOFF, ..BackoffConfig::default() };
    let retry = RetryConfig { backoff, max_retries: MAX_RETRIES, retry_timeout: RETRY_TIMEOUT };
    let store = builder.with_bucket_name(bucket).with_retry(retry).build().map_err(|e| {
        Error::spec(format!("cannot make a client for the bucket `{bucket}`: {}", cause(&e)))
            .with_hint("check the AWS_* environment variables")
    })?;
    Ok(Arc::new(store))
}

/// One bucket. Cheap to clone.
#[derive(Clone)]
pub(super) struct Bucket {
    name: String,
    store: Arc<dyn ObjectStore>,
    runtime: Handle,
}

impl Bucket {
    pub(super) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.store
    }

    /// Starts a request on the runtime; the answer comes through the channel.
    pub(super) fn start<T: Send + 'static>(
        &self,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> Pending<T> {
        let (answer, pending) = mpsc::sync_channel(1);
        self.runtime.spawn(async move {
            // Nobody waits any more: the answer is of no use.
            let _ = answer.send(request.await);
        });
        Pending(pending)
    }

    /// Runs a request on the runtime and blocks until it is answered.
    ///
    /// The caller only waits on a channel: unlike `block_on` that is no panic on a runtime's thread, nor when the
    /// runtime is shutting down.
    pub(super) fn wait<T: Send + 'static>(
        &self,
        request: impl Future<Output = object_store::Result<T>> + Send + 'static,
    ) -> io::Result<T> {
        self.start(request).wait()
    }

    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.name == other.name
    }

    fn uri_of(&self, location: &Path) -> Result<Uri> {
        Uri::parse(&format!("s3://{}/{location}", self.name))
    }

    fn meta_of(&self, meta: object_store::ObjectMeta) -> Result<ObjectMeta> {
        // A store without entity tags still tells when an object was written.
        let version = meta.e_tag.unwrap_or_else(|| meta.last_modified.to_rfc3339());
        Ok(ObjectMeta { uri: self.uri_of(&meta.location)?, size: meta.size, version })
    }

    pub(super) fn head(&self, uri: &Uri) -> Result<ObjectMeta> {
        let (store, location) = (self.store.clone(), location_of(uri)?);
        let meta = self.wait(async move { store.head(&location).await });
        self.meta_of(meta.map_err(|e| error_of("read", uri, e))?)
    }

    pub(super) fn modified(&self, uri: &Uri) -> Result<SystemTime> {
        let (store, location) = (self.store.clone(), location_of(uri)?);
        let meta = self.wait(async move { store.head(&location).await });
        Ok(meta.map_err(|e| error_of("read", uri, e))?.last_modified.into())
    }

    /// Every object below a folder, sorted by URI.
    pub(super) fn list(&self, folder: &Uri) -> Result<Vec<ObjectMeta>> {
        let (store, prefix) = (self.store.clone(), prefix_of(folder)?);
        let below = prefix.clone();
        let listed = self.wait(async move { store.list(Some(&below)).try_collect::<Vec<_>>().await });
        let listed = listed.map_err(|e| error_of("list", folder, e))?;
        let mut found = Vec::with_capacity(listed.len());
        for meta in listed {
            let meta = self.meta_of(meta)?;
            if meta.size > 0 || !self.is_folder_marker(&meta.uri)? {
                found.push(meta);
            }
        }
        found.sort_by(|a, b| a.uri.cmp(&b.uri));
        Ok(found)
    }

    /// Consoles make a folder visible by an empty object whose key ends in `/`, which the listing cuts off: such an
    /// object cannot be read by the name it is listed under.
    fn is_folder_marker(&self, listed: &Uri) -> Result<bool> {
        match self.head(listed) {
            Ok(_) => Ok(false),
            Err(e) if e.class() == Class::NotFound => Ok(true),
            Err(e) => Err(e),
        }
    }

    pub(super) fn expand(&self, pattern: &Uri) -> Result<Vec<ObjectMeta>> {
        let is_glob = glob::is_glob(pattern.as_str());
        let (_, key) = pattern.bucket_and_key().unwrap_or_default();
        if !key.is_empty() && !key.ends_with('/') {
            match self.head(pattern) {
                Ok(meta) => return Ok(vec![meta]),
                // A name with special characters is a pattern first, and a right to list need not be one to read.
                Err(e) if is_glob || e.class() == Class::NotFound => {}
                Err(e) => return Err(e),
            }
        }
        if !is_glob {
            let found = self.list_where(pattern, |below| !glob::has_hidden_part(below))?;
            return found.ok_or_else(|| super::matches_nothing(pattern));
        }
        for reading in Pattern::readings(pattern)? {
            let folder = Uri::parse(reading.folder())?;
            if let Some(found) = self.list_where(&folder, |below| reading.matches(below))? {
                return Ok(found);
            }
        }
        Err(super::matches_nothing(pattern))
    }

    /// The objects below a folder whose path there is `wanted`; `None` if there are none.
    fn list_where(
        &self,
        folder: &Uri,
        wanted: impl Fn(&NamePath) -> bool,
    ) -> Result<Option<Vec<ObjectMeta>>> {
        let start = folder.as_str().trim_end_matches('/').len() + 1;
        let mut found = self.list(folder)?;
        found.retain(|meta| wanted(NamePath::new(meta.uri.as_str().get(start..).unwrap_or_default())));
        Ok((!found.is_empty()).then_some(found))
    }

    /// # Errors
    /// As [`super::Storage::put_if_absent`].
    pub(super) fn put_if_absent(&self, uri: &Uri, bytes: &[u8]) -> Result<bool> {
        let (store, location) = (self.store.clone(), location_of(uri)?);
        let payload = PutPayload::from(Bytes::copy_from_slice(bytes));
        let put = self.wait(async move {
            let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
            match store.put_opts(&location, payload, options).await {
                Ok(_) => Ok(true),
                Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
                Err(e) => Err(e),
            }
        });
        put.map_err(|e| error_of("create", uri, e))
    }

    /// Copies within the store, then deletes; `false` if the object is too large for that.
    pub(super) fn publish(&self, from: &Uri, to: &Uri, size: u64) -> Result<bool> {
        if size > MAX_COPY {
            return Ok(false);
        }
        let (store, source, target) = (self.store.clone(), location_of(from)?, location_of(to)?);
        let moved = self.wait(async move {
            store.copy(&source, &target).await?;
            store.delete(&source).await
        });
        moved.map(|()| true).map_err(|e| error_of("publish", to, e))
    }

    pub(super) fn is_empty(&self, folder: &Uri) -> Result<bool> {
        let (store, prefix) = (self.store.clone(), prefix_of(folder)?);
        let first = self.wait(async move { store.list(Some(&prefix)).next().await.transpose() });
        Ok(first.map_err(|e| error_of("list", folder, e))?.is_none())
    }

    /// Deletes the object of that name and everything below the folder of that name.
    pub(super) fn remove(&self, folder: &Uri) -> Result<()> {
        let (store, prefix) = (self.store.clone(), prefix_of(folder)?);
        let removed = self.wait(async move {
            let below = store.list(Some(&prefix)).map_ok(|meta| meta.location).boxed();
            let mut deleted = store.delete_stream(below);
            while let Some(answer) = deleted.next().await {
                not_there_is_fine(answer.map(drop))?;
            }
            match prefix.as_ref().is_empty() {
                true => Ok(()),
                false => not_there_is_fine(store.delete(&prefix).await),
            }
        });
        removed.map_err(|e| error_of("remove", folder, e))
    }
}

fn not_there_is_fine(answer: object_store::Result<()>) -> object_store::Result<()> {
    match answer {
        Err(object_store::Error::NotFound { .. }) => Ok(()),
        other => other,
    }
}

/// A request under way.
pub(super) struct Pending<T>(mpsc::Receiver<object_store::Result<T>>);

impl<T> Pending<T> {
    pub(super) fn wait(self) -> io::Result<T> {
        match self.0.recv() {
            Ok(answer) => answer.map_err(|e| io_error(&e)),
            Err(_) => Err(io::Error::other("the process is stopping")),
        }
    }
}

/// The key of an object.
pub(super) fn location_of(uri: &Uri) -> Result<Path> {
    let location = prefix_of(uri)?;
    if location.as_ref().is_empty() || uri.as_str().ends_with('/') {
        return Err(Error::spec(format!("`{uri}` names a folder where an object is needed")));
    }
    Ok(location)
}

/// The key of a folder, without a slash at its end; empty for the whole bucket.
fn prefix_of(uri: &Uri) -> Result<Path> {
    let (_, key) = uri.bucket_and_key().unwrap_or_default();
    Path::parse(key).map_err(|e| Error::spec(format!("`{uri}` is no key that can be used: {e}")))
}

/// The error of a store as one of files, which says what kind it is and why; bucket and key are the caller's to name.
pub(super) fn io_error(error: &object_store::Error) -> io::Error {
    use object_store::Error as E;
    let kind = match error {
        E::NotFound { .. } => io::ErrorKind::NotFound,
        E::PermissionDenied { .. } | E::Unauthenticated { .. } => io::ErrorKind::PermissionDenied,
        E::AlreadyExists { .. } => io::ErrorKind::AlreadyExists,
        E::Precondition { .. } | E::NotModified { .. } => {
            return io::Error::new(io::ErrorKind::InvalidData, "it has changed since it was opened");
        }
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, cause(error))
}

/// What a store said, on one line of bounded length. Requests are signed in headers: no secret stands in it.
fn cause(error: &object_store::Error) -> String {
    const MAX: usize = 400;
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").chars().take(MAX).collect()
}

/// An error of a request on `uri`, with what to do where that is known.
pub(super) fn error_of(action: &str, uri: &Uri, error: io::Error) -> Error {
    let text = error.to_string();
    let plain_http = text.contains("URL scheme is not allowed");
    // Where machines ask for their roles.
    let no_credentials = text.contains("169.254.169.254");
    let error = Error::io(action, uri, error);
    match error.class() {
        Class::Permission => error.with_hint(
            "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and what they may do in the bucket",
        ),
        Class::Storage if no_credentials => error.with_hint(
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: without them the machine's role is asked for, and it has none",
        ),
        Class::Storage if plain_http => {
            error.with_hint("set AWS_ALLOW_HTTP=true to reach an endpoint without TLS")
        }
        Class::Storage => error.with_hint(
            "check that the endpoint (AWS_ENDPOINT_URL, AWS_REGION) can be reached from this machine",
        ),
        _ => error,
    }
}
