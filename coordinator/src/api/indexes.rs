//! `IndexService`.

use std::sync::Arc;

use tamis_common::{Class, Error, Result};
use tamis_proto::v1;
use tamis_proto::v1::index_service_server::IndexService;
use tonic::{Request, Response, Status};

use super::{blocking, reply};
use crate::control::Control;
use crate::index::IndexStats;

pub(crate) struct Indexes(pub(crate) Arc<Control>);

#[tonic::async_trait]
impl IndexService for Indexes {
    async fn list(
        &self,
        _: Request<v1::ListIndexesRequest>,
    ) -> Result<Response<v1::ListIndexesResponse>, Status> {
        let indexes = blocking(&self.0, |control| {
            control.steps().indexes()?.into_iter().map(describe).collect::<Result<Vec<_>>>()
        });
        reply(indexes.await.map(|indexes| v1::ListIndexesResponse { indexes }))
    }

    async fn describe(
        &self,
        request: Request<v1::DescribeIndexRequest>,
    ) -> Result<Response<v1::IndexDescription>, Status> {
        let name = request.into_inner().name;
        reply(blocking(&self.0, move |control| find(control.steps().indexes()?, &name)).await)
    }
}

fn find(indexes: Vec<IndexStats>, name: &str) -> Result<v1::IndexDescription> {
    let known: Vec<String> = indexes.iter().map(|index| format!("`{}`", index.name)).collect();
    let Some(found) = indexes.into_iter().find(|index| index.name == name) else {
        let known = if known.is_empty() { "there is none yet".to_owned() } else { known.join(", ") };
        return Err(Error::new(Class::NotFound, format!("no index `{name}`: {known}"))
            .with_hint("an index is made by the first job that names it in `dedup.index`"));
    };
    describe(found)
}

fn describe(index: IndexStats) -> Result<v1::IndexDescription> {
    let params_json = serde_json::to_string(&index.params)
        .map_err(|e| Error::internal(format!("the parameters of an index cannot be written as JSON: {e}")))?;
    let jobs = index.jobs.into_iter().map(|job| v1::IndexJob {
        job_id: job.job.0,
        name: job.name,
        documents: job.documents,
        published_at_ms: job.published_at_ms,
    });
    Ok(v1::IndexDescription {
        name: index.name,
        params_json,
        documents: index.documents,
        bytes: index.bytes,
        runs: index.runs,
        jobs: jobs.collect(),
        state_digest: index.state_digest,
    })
}
