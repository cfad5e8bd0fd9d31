//! `tamis index`: the global dedup index.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;
use tamis_common::read::read_shard;
use tamis_common::spec::{JobSpec, show_size};
use tamis_common::storage::Storage;
use tamis_common::{Error, Result};
use tamis_coordinator::plan;
use tamis_coordinator::rebuild::rebuild;
use tamis_proto::v1;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::access::ConnectionArgs;
use crate::args::{CheckArgs, IndexCommand};
use crate::client::{Client, refused};
use crate::ui;

/// What one message of a check holds at most, in documents and in bytes of text.
const MESSAGE_DOCUMENTS: usize = 500;
const MESSAGE_BYTES: usize = 4 << 20;

/// Does what the command line says.
pub(crate) async fn index(
    connection: &ConnectionArgs,
    command: IndexCommand,
    json: bool,
) -> Result<ExitCode> {
    if let IndexCommand::Rebuild { data_dir } = &command {
        return rebuilt(data_dir, json).await;
    }
    let mut client = Client::open(connection).await?;
    match command {
        IndexCommand::List => {
            let listed = client.index.list(v1::ListIndexesRequest {}).await.map_err(refused)?;
            listed.into_inner().indexes.iter().for_each(|index| show(index, false, json));
        }
        IndexCommand::Stats { name } => {
            let described = client.index.describe(v1::DescribeIndexRequest { name }).await;
            show(described.map_err(refused)?.get_ref(), true, json);
        }
        IndexCommand::Check(args) => return check(&mut client, args, json).await,
        IndexCommand::Forget { name, job } => {
            let job = job.id;
            let request = v1::ForgetRequest { index: name.clone(), job_id: job.clone() };
            let documents = client.index.forget(request).await.map_err(refused)?.get_ref().documents;
            ui::print(&match json {
                true => json!({ "name": name, "job_id": job, "documents": documents }).to_string(),
                false => {
                    let are = if documents == 1 { "is" } else { "are" };
                    let documents = ui::counted(documents, "document");
                    format!("{documents} of job {} {are} forgotten", ui::plain(&job))
                }
            });
        }
        IndexCommand::Verify { name } => {
            let verified = client.index.verify(v1::VerifyIndexRequest { name }).await.map_err(refused)?;
            ui::note("every byte was read: the index is sound");
            show(verified.get_ref(), false, json);
        }
        IndexCommand::Export { name, folder } => {
            let request = v1::ExportIndexRequest { name, folder: absolute(&folder)? };
            show(client.index.export(request).await.map_err(refused)?.get_ref(), false, json);
        }
        IndexCommand::Import { folder, name } => {
            let request =
                v1::ImportIndexRequest { name: name.unwrap_or_default(), folder: absolute(&folder)? };
            show(client.index.import(request).await.map_err(refused)?.get_ref(), false, json);
        }
        // Done above.
        IndexCommand::Rebuild { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn absolute(folder: &Path) -> Result<String> {
    let path = std::path::absolute(folder).map_err(|e| Error::io("find", folder.display(), e))?;
    Ok(path.display().to_string())
}

fn show(index: &v1::IndexDescription, with_jobs: bool, json: bool) {
    if json {
        let jobs = index.jobs.iter().map(|job| {
            json!({
                "job_id": job.job_id, "name": job.name, "documents": job.documents,
                "published_at_ms": job.published_at_ms,
            })
        });
        let params = serde_json::from_str::<serde_json::Value>(&index.params_json).unwrap_or_default();
        ui::print(
            &json!({
                "name": index.name, "documents": index.documents, "bytes": index.bytes, "runs": index.runs,
                "params": params, "state_digest": index.state_digest, "jobs": jobs.collect::<Vec<_>>(),
            })
            .to_string(),
        );
        return;
    }
    ui::print(&format!(
        "{}  {} of {}, {} in {}",
        ui::plain(&index.name),
        ui::counted(index.documents, "document"),
        ui::counted(index.jobs.len() as u64, "job"),
        show_size(index.bytes),
        ui::counted(index.runs.into(), "run")
    ));
    if with_jobs {
        let params = serde_json::from_str::<serde_json::Value>(&index.params_json).unwrap_or_default();
        ui::print(&format!(
            "  threshold {}, {} units a shingle, {} values a signature, {} bands of {} rows",
            params["threshold"], params["shingle"], params["k"], params["bands"], params["rows"]
        ));
    }
    for job in index.jobs.iter().filter(|_| with_jobs) {
        ui::print(&format!(
            "  {}  {}  {}",
            ui::plain(&job.job_id),
            ui::counted(job.documents, "document"),
            ui::plain(&job.name)
        ));
    }
}

/// `tamis index rebuild`: here, since a coordinator does not start with a damaged index.
async fn rebuilt(data_dir: &Path, json: bool) -> Result<ExitCode> {
    let storage = Storage::new(tokio::runtime::Handle::current());
    let data_dir = std::path::absolute(data_dir).map_err(|e| Error::io("find", data_dir.display(), e))?;
    let rebuilding = tokio::task::spawn_blocking(move || rebuild(&data_dir, &storage));
    let rebuilt = rebuilding
        .await
        .unwrap_or_else(|e| Err(Error::internal(format!("rebuilding the index ended badly: {e}"))))?;
    for index in &rebuilt.indexes {
        ui::print(&match json {
            true => json!({
                "name": index.name, "documents": index.documents, "jobs": index.jobs.len(),
                "state_digest": index.state_digest,
            })
            .to_string(),
            false => format!(
                "{}  {} documents of {} jobs",
                ui::plain(&index.name),
                index.documents,
                index.jobs.len()
            ),
        });
    }
    if let Some(old) = rebuilt.old {
        ui::note(&format!("the old folder stands in {}: remove it when all is well", old.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// `tamis index check`: reads the file as a job would, and asks message by message.
async fn check(client: &mut Client, args: CheckArgs, json: bool) -> Result<ExitCode> {
    let spec = spec_of(&args)?;
    let storage = Storage::new(tokio::runtime::Handle::current());
    let (sender, receiver) = mpsc::channel(1);
    let (name, threshold) = (args.name, args.threshold.unwrap_or_default());
    let reading =
        tokio::task::spawn_blocking(move || read(&storage, &spec, Messages::new(name, threshold, sender)));

    let called = client.index.check(ReceiverStream::new(receiver)).await;
    let mut answers = called.map_err(refused)?.into_inner();
    let (mut known, mut asked) = (0_u64, 0_u64);
    while let Some(answer) = answers.message().await.map_err(refused)? {
        for result in answer.results {
            asked += 1;
            known += u64::from(!result.matches.is_empty());
            show_result(&result, json);
        }
    }
    let rejected =
        reading.await.unwrap_or_else(|e| Err(Error::internal(format!("reading ended badly: {e}"))))?;
    let mut said = format!("{known} of {asked} documents stand in the index");
    if rejected > 0 {
        said.push_str(&format!("; {rejected} records could not be read"));
    }
    ui::note(&said);
    Ok(ExitCode::SUCCESS)
}

/// A job that reads the file, so that formats and fields are those of jobs.
fn spec_of(args: &CheckArgs) -> Result<JobSpec> {
    let text = json!({
        "name": "check",
        "source": [{
            "name": "file", "inputs": [args.file.display().to_string()],
            "text_field": args.text_field, "id_field": args.id_field,
        }],
        "output": { "uri": "unused" },
    });
    let mut spec = JobSpec::parse(&text.to_string(), "the arguments")?;
    let here = std::env::current_dir().map_err(|e| Error::io("find", "the current folder", e))?;
    spec.absolutize(&here);
    Ok(spec)
}

/// Sends the documents of a file; the number of records that are none.
fn read(storage: &Storage, spec: &JobSpec, mut messages: Messages) -> Result<u64> {
    let mut rejected = 0;
    for shard in plan::plan(storage, spec)?.shards {
        read_shard(storage, &shard, &spec.sources[0], spec.run.on_corrupt, &spec.limits, &mut |record| {
            let Ok(body) = record.body else {
                rejected += 1;
                return Ok(());
            };
            let id = match body.id {
                Some(id) => id.into_owned(),
                None => format!("{}#{}", shard.uri, record.offset),
            };
            messages.push(v1::CheckDocument { id, text: body.text.into_owned() })
        })?;
    }
    messages.send()?;
    Ok(rejected)
}

/// Gathers documents to messages.
struct Messages {
    next: v1::CheckRequest,
    bytes: usize,
    sender: mpsc::Sender<v1::CheckRequest>,
}

impl Messages {
    fn new(index: String, threshold: f64, sender: mpsc::Sender<v1::CheckRequest>) -> Self {
        Self { next: v1::CheckRequest { index, threshold, documents: Vec::new() }, bytes: 0, sender }
    }

    fn push(&mut self, document: v1::CheckDocument) -> Result<()> {
        let bytes = document.text.len();
        if !self.next.documents.is_empty() && self.bytes + bytes > MESSAGE_BYTES {
            self.send()?;
        }
        self.bytes += bytes;
        self.next.documents.push(document);
        if self.next.documents.len() == MESSAGE_DOCUMENTS { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<()> {
        self.bytes = 0;
        let documents = std::mem::take(&mut self.next.documents);
        let message = v1::CheckRequest { documents, ..self.next.clone() };
        // The call has ended, and says why.
        self.sender.blocking_send(message).map_err(|_| Error::internal("the coordinator ended the call"))
    }
}

fn show_result(result: &v1::CheckResult, json: bool) {
    if json {
        let matches = result.matches.iter().map(|found| {
            json!({
                "job_id": found.job_id, "source": found.source, "document_id": found.document_id,
                "similarity": found.similarity, "equal": found.equal,
            })
        });
        ui::print(&json!({ "id": result.id, "matches": matches.collect::<Vec<_>>() }).to_string());
        return;
    }
    let Some(nearest) = result.matches.first() else { return };
    let how = match nearest.equal {
        true => "equal".to_owned(),
        false => format!("{:.3} similar", nearest.similarity),
    };
    ui::print(&format!(
        "{}  {how} to `{}` of source {}, job {}",
        ui::plain(&result.id),
        ui::plain(&nearest.document_id),
        ui::plain(&nearest.source),
        ui::plain(&nearest.job_id)
    ));
}
