//! Who calls; workers, indexes, and the whole at a glance.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as value};
use tamis_common::ids::{JobId, WorkerId};
use tamis_common::secret::Secret;
use tamis_common::storage::Disk;
use tamis_proto::v1;

use super::Shared;
use super::answer::{Answer, json};
use super::door::{COOKIE, refusal_answer};
use crate::access::Caller;
use crate::api::{describe, wire_worker};
use crate::control::Control;

/// Who calls, and what they may do.
pub(super) async fn me(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    match shared.door.caller("JobService/Get", &headers) {
        Ok(caller) => Json(who(&shared, caller.as_ref())).into_response(),
        Err(refusal) => refusal_answer(refusal),
    }
}

fn who(shared: &Shared, caller: Option<&Caller>) -> Value {
    value!({
        // Where nobody is asked everybody may do everything.
        "role": caller.map_or_else(|| "operate".to_owned(), |caller| caller.role.to_string()),
        "token": caller.map(|caller| &caller.name),
        "tokens_required": shared.door.asks(),
        "version": env!("CARGO_PKG_VERSION"),
        "coordinator": shared.control.coordinator(),
    })
}

#[derive(Deserialize)]
pub(super) struct SessionBody {
    token: Secret<String>,
}

/// Takes a token into a cookie that no script of the page can read.
pub(super) async fn begin_session(State(shared): State<Shared>, Json(body): Json<SessionBody>) -> Response {
    let token = body.token.expose().trim();
    let caller = match shared.door.caller_with(token) {
        Ok(caller) => caller,
        Err(refusal) => return refusal_answer(refusal),
    };
    // A token that is known has only characters that a cookie may have.
    let known = if caller.is_some() { token } else { "" };
    with_cookie(&shared, known, Json(who(&shared, caller.as_ref())).into_response())
}

/// Forgets the token.
pub(super) async fn end_session(State(shared): State<Shared>) -> Response {
    with_cookie(&shared, "", Json(value!({})).into_response())
}

fn with_cookie(shared: &Shared, token: &str, mut response: Response) -> Response {
    let secure = if shared.door.is_encrypted { "; Secure" } else { "" };
    let age = if token.is_empty() { "; Max-Age=0" } else { "" };
    let cookie = format!("{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict{secure}{age}");
    if let Ok(mut cookie) = HeaderValue::from_str(&cookie) {
        cookie.set_sensitive(true);
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// The whole at a glance.
#[derive(Clone, PartialEq, Serialize)]
pub(super) struct Overview {
    jobs: std::collections::BTreeMap<String, u64>,
    workers: u64,
    slots: u64,
    slots_busy: u64,
    disk: std::collections::BTreeMap<&'static str, Option<Disk>>,
}

impl Overview {
    pub(super) fn of(control: &Control, shared: &Shared) -> Self {
        let facts = control.facts();
        let mut disk = std::collections::BTreeMap::from([("data", None), ("work", None)]);
        disk.extend(disks(control, shared).into_iter().map(|(name, found)| (name, Some(found))));
        Self {
            workers: facts.ready_workers + facts.draining_workers,
            jobs: facts.jobs,
            slots: facts.slots,
            slots_busy: facts.slots_busy,
            disk,
        }
    }
}

/// The disks under the data folder and, where it is a local folder, under the work.
pub(super) fn disks(control: &Control, shared: &Shared) -> Vec<(&'static str, Disk)> {
    let data = Disk::of(&shared.data_dir).ok().map(|disk| ("data", disk));
    let work = control.storage().disk(control.work()).ok().flatten().map(|disk| ("work", disk));
    data.into_iter().chain(work).collect()
}

/// The whole at a glance.
pub(super) async fn overview(State(shared): State<Shared>) -> Answer<Overview> {
    let sharing = shared.clone();
    json(shared.call(move |control| Ok(Overview::of(control, &sharing))).await)
}

/// All living workers.
pub(super) fn workers_now(control: &Control) -> v1::ListWorkersResponse {
    v1::ListWorkersResponse { workers: control.workers().into_iter().map(wire_worker).collect() }
}

/// All living workers.
pub(super) async fn workers(State(shared): State<Shared>) -> Answer<v1::ListWorkersResponse> {
    json(shared.call(|control| Ok(workers_now(control))).await)
}

/// Asks a worker to leave.
pub(super) async fn drain(
    State(shared): State<Shared>,
    Path(worker): Path<String>,
) -> Answer<v1::DrainWorkerResponse> {
    let drained = shared.call(move |control| control.drain(&WorkerId(worker))).await;
    json(drained.map(|()| v1::DrainWorkerResponse {}))
}

/// All indexes.
pub(super) async fn indexes(State(shared): State<Shared>) -> Answer<v1::ListIndexesResponse> {
    let indexes = shared.call(|control| {
        let indexes = control.steps().indexes()?.list().into_iter().map(describe);
        Ok(v1::ListIndexesResponse { indexes: indexes.collect::<tamis_common::Result<_>>()? })
    });
    json(indexes.await)
}

/// One index.
pub(super) async fn index(
    State(shared): State<Shared>,
    Path(index): Path<String>,
) -> Answer<v1::IndexDescription> {
    json(shared.call(move |control| describe(control.steps().indexes()?.find(&index)?.stats()?)).await)
}

#[derive(Deserialize)]
pub(super) struct ForgetBody {
    job_id: String,
}

/// Takes a job out of an index.
pub(super) async fn forget(
    State(shared): State<Shared>,
    Path(index): Path<String>,
    Json(body): Json<ForgetBody>,
) -> Answer<v1::ForgetResponse> {
    let forgotten = shared.call(move |control| control.forget(&index, &JobId(body.job_id))).await;
    json(forgotten.map(|documents| v1::ForgetResponse { documents }))
}
