//! The HTTP side: what the dashboard asks for, who may ask, and what no page of a stranger can do.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tamis_proto::connect::Access;
use tamis_proto::v1;
use tamis_proto::v1::job_service_client::JobServiceClient;
use tamis_tests::corpus;
use tamis_tests::http::Caller;
use tamis_tests::output::Output;
use tamis_tests::process::{CoordinatorProcess, Process, tamis_ok};
use tamis_tests::{spec, until};
use tokio_stream::StreamExt as _;

const INDEX: &str = "[dedup]\nindex = \"books\"\n[run]\nkeep_work = \"all\"\nshard_bytes = \"64KiB\"";

fn http_of(coordinator: &CoordinatorProcess) -> Caller {
    Caller::new(coordinator.hello()["http"].as_str().unwrap())
}

/// A spec whose paths are absolute, as the coordinator wants them.
fn absolute_spec(path: &Path, output: &str) -> String {
    spec(path.join("in").to_str().unwrap(), path.join(output).to_str().unwrap(), INDEX)
}

#[test]
fn a_job_is_followed_from_its_submission_to_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(600, 21), 2);
    let coordinator = CoordinatorProcess::start(path);
    let http = http_of(&coordinator);

    let me = http.get("/api/v1/me").ok();
    assert_eq!((&me["role"], &me["tokens_required"]), (&"operate".into(), &false.into()));
    let body = json!({ "spec": absolute_spec(path, "out"), "request_id": "one" });
    let submitted = http.post("/api/v1/jobs", &body).ok();
    let job = submitted["job_id"].as_str().unwrap().to_owned();
    assert_eq!(http.post("/api/v1/jobs", &body).ok()["existed"], true);
    let of = |what: &str| format!("/api/v1/jobs/{job}{what}");

    // Nobody works yet.
    let waiting = http.events(&of("/events"), |name, event| {
        (name == "status" && event["message"].as_str().unwrap().contains("waits for a worker"))
            .then_some(event)
    });
    assert_eq!((&waiting["state"], &waiting["job_id"]), (&"scanning".into(), &job.as_str().into()));
    let grid = http.get(&of("/tasks/scan")).ok();
    let shards = grid["total"].as_u64().unwrap();
    assert!(shards >= 4, "{grid}");
    assert_eq!(grid["states"], ".".repeat(shards as usize));
    assert_eq!(http.get(&of("/tasks/emit")).ok()["total"], 0);
    let early = http.get(&of("/report"));
    assert_eq!((early.status, &early.json()["error"]["class"]), (409, &"conflict".into()));
    let metrics = http.get("/metrics").text();
    assert!(metrics.contains("tamis_jobs_without_worker 1\n"), "{metrics}");
    assert!(metrics.contains(&format!("tamis_tasks_pending{{phase=\"scan\"}} {shards}\n")), "{metrics}");

    let worker = coordinator.worker();
    let figures = http
        .events(&of("/events"), |name, event| (name == "figures" && event["final"] == true).then_some(event));
    coordinator.until_published(&job);
    let output = Output::new(path.join("out"));
    let report = output.json("report.json");
    let stages = figures["funnel"].as_array().unwrap();
    let docs: Vec<_> =
        stages.iter().map(|stage| (stage["stage"].clone(), stage["documents"].clone())).collect();
    let told = report["funnel"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| (stage["stage"].clone(), stage["docs"].clone()));
    assert_eq!(docs, told.collect::<Vec<_>>());
    assert_eq!(http.get(&of("/report")).ok(), report);
    assert_eq!(http.get(&of("/tasks/emit")).ok()["states"], "C".repeat(shards as usize));
    let task = http.get(&of("/tasks/scan/1")).ok();
    assert_eq!((&task["state"], &task["source"]), (&"committed".into(), &"web".into()), "{task}");
    assert_eq!(task["bytes_done"], task["bytes_total"]);
    assert_eq!(http.get(&of("/tasks/scan/100000")).status, 404);
    assert_eq!(http.get(&of("/tasks/sort")).status, 400);

    // Every drop, by pages, once.
    let mut drops = Vec::new();
    let mut token = String::new();
    loop {
        let page = http.get(&of(&format!("/drops?page_size=7&page_token={token}"))).ok();
        drops.extend(page["drops"].as_array().unwrap().iter().cloned());
        token = page["next_page_token"].as_str().unwrap().to_owned();
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(drops.len(), output.drops().len());
    let near = http.get(&of("/drops?stage=near&page_size=1")).ok()["drops"][0].clone();
    let document = |query: &str| http.get(&of(&format!("/document?{query}")));
    let later = document(&format!("uri={}&offset={}", near["uri"].as_str().unwrap(), near["offset"])).ok();
    assert_eq!(later["document_id"], near["document_id"]);
    let via = &near["drop"]["via"];
    let asked = format!(
        "source={}&document_id={}",
        via["source"].as_str().unwrap(),
        via["document_id"].as_str().unwrap()
    );
    let earlier = document(&asked).ok();
    assert_eq!(earlier["document_id"], via["document_id"]);
    assert_ne!(earlier["text"], later["text"]);
    // Only what the job read is read.
    assert_eq!(document("uri=file:///etc/passwd&offset=0").status, 404);
    let explained = http.get(&of(&format!("/explain?id={}", near["document_id"].as_str().unwrap()))).ok();
    assert_eq!(explained["explanations"][0]["drop"]["rule"], near["drop"]["rule"]);

    // Every file, to the byte, and no other.
    let files = http.get(&of("/output")).ok()["files"].as_array().unwrap().clone();
    assert!(files.len() > 8, "{files:?}");
    for file in &files {
        let name = file["path"].as_str().unwrap();
        let got = http.get(&of(&format!("/output/{name}")));
        assert_eq!(got.body, fs::read(path.join("out").join(name)).unwrap(), "{name}");
        assert_eq!(got.header("content-type"), "application/octet-stream");
        assert!(got.header("content-disposition").starts_with("attachment"), "{got:?}");
        let digest: String = Sha256::digest(&got.body).iter().map(|byte| format!("{byte:02x}")).collect();
        let told = file["sha256"].as_str().unwrap();
        assert!(told == digest || told.is_empty() && ["manifest.json", "run.json"].contains(&name), "{name}");
    }
    for path in ["../in/part-0.jsonl", "..%2Fin%2Fpart-0.jsonl", "text", "nothing.json", "%2Fetc%2Fpasswd"] {
        assert_eq!(http.get(&of(&format!("/output/{path}"))).status, 404, "{path}");
    }
    let page = http.get(&of("/report.html"));
    assert!(page.header("content-security-policy").contains("sandbox"), "{:?}", page.headers);
    assert!(page.text().contains("<title>"));

    assert_eq!(http.get(&of("/spec")).ok()["output"]["uri"], path.join("out").to_str().unwrap());
    let index = http.get("/api/v1/indexes/books").ok();
    assert_eq!(index["jobs"][0]["job_id"], job.as_str());
    assert_eq!(http.get("/api/v1/indexes").ok()["indexes"][0], index);
    let workers = http.get("/api/v1/workers").ok();
    assert_eq!(workers["workers"][0]["worker_id"], worker.hello["worker_id"]);
    let overview = http.get("/api/v1/overview").ok();
    assert_eq!((&overview["jobs"]["published"], &overview["workers"]), (&1.into(), &1.into()), "{overview}");
    assert!(overview["disk"]["data"]["free"].as_u64().unwrap() > 0);

    // Lists, by state and text.
    for (query, count) in
        [("", 1), ("state=published,failed", 1), ("state=failed", 0), ("text=TES", 1), ("text=zzz", 0)]
    {
        let jobs = http.get(&format!("/api/v1/jobs?{query}")).ok();
        assert_eq!(jobs["jobs"].as_array().unwrap().len(), count, "{query}");
    }
    assert_eq!(http.get("/api/v1/jobs?state=sleeping").status, 400);

    let forgotten = http.post("/api/v1/indexes/books/forget", &json!({ "job_id": job })).ok();
    assert_eq!(forgotten["documents"], index["documents"]);
    let worker_id = worker.hello["worker_id"].as_str().unwrap();
    http.post(&format!("/api/v1/workers/{worker_id}/drain"), &json!({})).ok();
    until("the worker has left", || {
        http.get("/api/v1/workers").ok()["workers"].as_array().unwrap().is_empty().then_some(())
    });

    let metrics = http.get("/metrics").text();
    let emitted = output.records().len();
    for line in [
        "tamis_jobs{state=\"published\"} 1".to_owned(),
        "tamis_jobs_ended_total{state=\"published\"} 1".to_owned(),
        format!("tamis_tasks_committed_total{{phase=\"emit\"}} {shards}"),
        format!("tamis_documents_emitted_total {emitted}"),
        "tamis_step_duration_seconds_count{step=\"resolve\"} 1".to_owned(),
        "tamis_http_requests_total{route=\"/api/v1/jobs/{job}/report\",code=\"409\"} 1".to_owned(),
    ] {
        assert!(metrics.contains(&format!("{line}\n")), "`{line}` is not in:\n{metrics}");
    }
}

#[test]
fn what_failed_is_shown_shard_by_shard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(50, 22), 2);
    let coordinator = CoordinatorProcess::start(path);
    let http = http_of(&coordinator);
    let submitted = http.post("/api/v1/jobs", &json!({ "spec": absolute_spec(path, "out") })).ok();
    let job = submitted["job_id"].as_str().unwrap();
    let of = |what: &str| format!("/api/v1/jobs/{job}{what}");
    until("it is planned", || (http.get(&of("")).ok()["state"] == "scanning").then_some(()));
    // Changed under the job.
    let second = fs::read_dir(path.join("in")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    fs::write(&second, "{}").unwrap();
    let _worker = coordinator.worker();
    let status = http.events(&of("/events"), |name, event| {
        (name == "status" && event["state"] == "failed").then_some(event)
    });
    assert_eq!(status["error"]["class"], "input");
    let grid = http.get(&of("/tasks/scan")).ok();
    let broken = grid["states"].as_str().unwrap().find('Q').unwrap();
    let task = http.get(&of(&format!("/tasks/scan/{broken}"))).ok();
    assert_eq!(task["state"], "quarantined");
    assert!(task["last_error"]["message"].as_str().unwrap().contains("changed under the job"), "{task}");
    let metrics = http.get("/metrics").text();
    assert!(metrics.contains("tamis_attempts_failed_total{phase=\"scan\",class=\"input\"} 1\n"), "{metrics}");
    assert!(metrics.contains("tamis_jobs_ended_total{state=\"failed\"} 1\n"), "{metrics}");
    // What it did is told all the same, down to a document.
    let read = grid["states"]
        .as_str()
        .unwrap()
        .find('C')
        .map(|shard| http.get(&of(&format!("/tasks/scan/{shard}"))).ok());
    if let Some(read) = read {
        let (uri, records) = (read["uri"].as_str().unwrap(), read["records_done"].as_u64().unwrap());
        assert!(records > 0, "{read}");
        let first = http.get(&of(&format!("/document?uri={uri}&offset=0"))).ok();
        let id = first["document_id"].as_str().unwrap();
        let told = http.get(&of(&format!("/explain?id={id}"))).ok()["explanations"][0].clone();
        assert_eq!((&told["kept"], &told["undecided"]), (&false.into(), &true.into()), "{told}");
        assert!(http.get(&of("/drops")).ok()["drops"].as_array().unwrap().is_empty());
        let said = coordinator.call(&["explain", job, id]).remove(0);
        assert_eq!(said["undecided"], true);
    }
    let figures = http.get(&of("/figures")).ok();
    assert_eq!(figures["final"], false);
    let cancelled = http.post(&of("/cancel"), &json!({ "reason": "late" }));
    assert_eq!((cancelled.status, &cancelled.json()["error"]["class"]), (409, &"conflict".into()));
    http.post(&of("/retry"), &json!({})).ok();
    http.events("/api/v1/events", |name, event| {
        let again = |job: &&Value| job["state"] == "failed" && job["ended_at_ms"] != status["ended_at_ms"];
        (name == "jobs").then(|| event.as_array().unwrap().iter().find(again).cloned()).flatten()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_is_asked_by_grpc() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(300, 23), 2);
    fs::write(path.join("job.toml"), spec("in", "out", INDEX)).unwrap();
    let (coordinator, job) = tokio::task::spawn_blocking(move || {
        let coordinator = CoordinatorProcess::start(&path);
        let _worker = coordinator.worker();
        let job = coordinator.submit("job.toml");
        coordinator.until_published(&job);
        (coordinator, job)
    })
    .await
    .unwrap();
    let access = Access::default();
    let url = coordinator.url();
    let connection = access.connect(&access.endpoint(&url).unwrap(), &url).await.unwrap();
    let mut client = JobServiceClient::new(connection);
    let output = Output::new(folder.path().join("out"));

    let request = v1::ListTasksRequest {
        job_id: job.clone(),
        phase: v1::Phase::Emit.into(),
        first_shard: 1,
        page_size: 2,
    };
    let tasks = client.list_tasks(request).await.unwrap().into_inner();
    assert_eq!(tasks.tasks.iter().map(|task| task.shard).collect::<Vec<_>>(), [1, 2]);
    assert!(tasks.tasks_total > 3 && tasks.tasks.iter().all(|task| task.state() == v1::TaskState::Committed));
    let figures =
        client.get_figures(v1::GetFiguresRequest { job_id: job.clone() }).await.unwrap().into_inner();
    assert!(figures.r#final);
    assert_eq!(figures.funnel.last().unwrap().documents as usize, output.records().len());
    let drops = client
        .list_drops(v1::ListDropsRequest { job_id: job.clone(), page_size: 1_000, ..Default::default() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(drops.drops.len(), output.drops().len());
    let drop = &drops.drops[0];
    let document = client
        .read_document(v1::ReadDocumentRequest {
            job_id: job.clone(),
            uri: drop.uri.clone(),
            offset: drop.offset,
            ..Default::default()
        })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(document.document_id, drop.document_id);
    let files =
        client.list_output(v1::ListOutputRequest { job_id: job.clone() }).await.unwrap().into_inner().files;
    let file = files.iter().find(|file| file.path.starts_with("text/")).unwrap();
    let request = v1::ReadOutputRequest { job_id: job.clone(), path: file.path.clone() };
    let mut pieces = client.read_output(request).await.unwrap().into_inner();
    let mut whole = Vec::new();
    while let Some(piece) = pieces.next().await {
        whole.extend(piece.unwrap().data);
    }
    assert_eq!(whole, fs::read(folder.path().join("out").join(&file.path)).unwrap());
    let request = v1::ReadOutputRequest { job_id: job, path: "../in/part-0.jsonl".into() };
    assert_eq!(client.read_output(request).await.unwrap_err().code(), tonic::Code::NotFound);
}

#[test]
fn an_output_that_another_job_replaced_is_not_shown_for_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    corpus::write_jsonl(&path.join("in"), &corpus::documents(20, 24), 1);
    let coordinator = CoordinatorProcess::start(path);
    let http = http_of(&coordinator);
    let _worker = coordinator.worker();
    let submit = |name: &str| {
        let spec = absolute_spec(path, "out").replace("books", name);
        let job = http.post("/api/v1/jobs", &json!({ "spec": spec, "replace": true })).ok();
        let job = job["job_id"].as_str().unwrap().to_owned();
        coordinator.until_published(&job);
        job
    };
    let (first, second) = (submit("a"), submit("b"));
    http.get(&format!("/api/v1/jobs/{second}/report")).ok();
    let refused = http.get(&format!("/api/v1/jobs/{first}/report"));
    assert_eq!(refused.status, 409);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains(&format!("was replaced by that of job {second}")), "{message}");
}

#[test]
fn the_dashboard_is_part_of_the_binary_and_asks_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = CoordinatorProcess::start(folder.path());
    let http = http_of(&coordinator);
    let page = http.get("/");
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    for rule in ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    let text = page.text();
    let assets: Vec<&str> = text.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert!(!assets.is_empty(), "{text}");
    for asset in assets {
        let got = http.get(asset);
        assert_eq!((got.status, got.header("x-content-type-options")), (200, "nosniff"), "{asset}");
        let again = http.with("if-none-match", got.header("etag")).get(asset);
        // A browser takes over the headers of this answer.
        assert_eq!((again.status, again.header("content-security-policy")), (304, policy), "{asset}");
    }
    for path in ["/assets/", "/assets/../mod.rs", "/assets/%2e%2e/mod.rs", "/favicon", "/api/v1/nothing"] {
        let got = http.get(path);
        assert_eq!(got.status, 404, "{path}");
        assert_eq!(got.header("x-content-type-options"), "nosniff", "{path}");
    }
    assert_eq!((http.get("/livez").text(), http.get("/readyz").text()), ("ok\n".into(), "ok\n".into()));
}

#[test]
fn pages_of_strangers_can_neither_ask_nor_change_anything() {
    let folder = tempfile::tempdir().unwrap();
    let coordinator = CoordinatorProcess::start(folder.path());
    let http = http_of(&coordinator);
    // A name that a stranger makes point to this machine.
    for host in ["evil.example", "evil.example:7172", "127.0.0.1.evil.example"] {
        let refused = http.with("host", host).get("/api/v1/jobs");
        assert_eq!(refused.status, 403, "{host}");
        assert!(refused.text().contains("not this machine"), "{}", refused.text());
        assert_eq!(http.with("host", host).get("/livez").status, 200, "{host}");
    }
    http.with("host", "localhost:1").get("/api/v1/jobs").ok();
    // A form or a script of another origin cannot send the header without being allowed to.
    let refused = http.post_as_a_stranger("/api/v1/workers/w/drain", &json!({}));
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("x-tamis"), "{}", refused.text());
    let asked = http.with("origin", "http://evil.example").get("/api/v1/jobs");
    assert_eq!(asked.header("access-control-allow-origin"), "");
    // Headers and bodies have their limits.
    let long = http.with("x-long", &"a".repeat(64 << 10)).get("/api/v1/jobs");
    assert_eq!(long.status, 431);
    let large = http.post("/api/v1/jobs", &json!({ "spec": "a".repeat(17 << 20) }));
    assert_eq!(large.status, 413);
    for wrong in [json!({}), json!({ "spec": 1 }), json!([])] {
        assert!((400..500).contains(&http.post("/api/v1/jobs", &wrong).status), "{wrong}");
    }
    let refused = http.post("/api/v1/jobs", &json!({ "spec": "name = " }));
    assert_eq!((refused.status, &refused.json()["error"]["class"]), (400, &"spec".into()));
}

#[test]
fn tokens_decide_over_http_as_they_do_over_grpc() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for role in ["read", "submit", "operate", "worker"] {
        let out = format!("{role}.token");
        tamis_ok(
            path,
            &["token", "new", "--role", role, "--name", role, "--tokens", "tokens", "--out", &out],
        );
    }
    let args = ["coordinator", "--listen", "127.0.0.1:0", "--data-dir", "data", "--tokens", "tokens"];
    let coordinator = Process::start_logged(path, &args, "coordinator.log");
    let http = Caller::new(coordinator.hello["http"].as_str().unwrap());
    let secret =
        |role: &str| fs::read_to_string(path.join(format!("{role}.token"))).unwrap().trim().to_owned();
    let as_role = |role: &str| http.with("authorization", &format!("Bearer {}", secret(role)));

    // The page itself is open, so that it can ask for the token.
    for open in ["/", "/livez", "/readyz"] {
        assert_eq!(http.get(open).status, 200, "{open}");
    }
    for path in [
        "/api/v1/me",
        "/api/v1/jobs",
        "/api/v1/events",
        "/api/v1/workers",
        "/api/v1/indexes",
        "/api/v1/overview",
        "/api/v1/jobs/x/report.html",
        "/api/v1/jobs/x/output/report.json",
        "/metrics",
    ] {
        let refused = http.get(path);
        assert_eq!((refused.status, refused.header("www-authenticate")), (401, "Bearer"), "{path}");
        assert_eq!(http.with("authorization", "Bearer tamis_0").get(path).status, 401, "{path}");
        assert_eq!(as_role("worker").get(path).status, 403, "{path}");
    }
    assert_eq!(as_role("read").get("/api/v1/me").ok()["role"], "read");
    as_role("read").get("/api/v1/jobs").ok();
    assert_eq!(as_role("read").get("/metrics").status, 200);
    let none = json!({});
    for (path, least) in [
        ("/api/v1/jobs/x/cancel", "submit"),
        ("/api/v1/jobs/x/retry", "submit"),
        ("/api/v1/workers/x/drain", "operate"),
        ("/api/v1/indexes/x/forget", "operate"),
    ] {
        assert_eq!(http.post(path, &none).status, 401, "{path}");
        assert_eq!(as_role("read").post(path, &none).status, 403, "{path}");
        let body = json!({ "job_id": "x" });
        // It comes to the call, which finds nothing of that name.
        assert_eq!(as_role(least).post(path, &body).status, 404, "{path}");
    }
    assert_eq!(as_role("submit").post("/api/v1/workers/x/drain", &none).status, 403);

    // A browser keeps the token where no script reads it.
    assert_eq!(http.post("/api/v1/session", &json!({ "token": "tamis_0" })).status, 401);
    let begun = http.post("/api/v1/session", &json!({ "token": secret("read") }));
    assert_eq!(begun.ok()["role"], "read");
    let cookie = begun.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
        assert!(cookie.contains(part), "{part}");
    }
    let browser = http.with("cookie", cookie.split(';').next().unwrap());
    browser.get("/api/v1/jobs").ok();
    assert_eq!(browser.post("/api/v1/jobs/x/cancel", &none).status, 403);
    let ended = browser.delete("/api/v1/session");
    assert!(ended.header("set-cookie").contains("tamis_token=;"), "{ended:?}");

    // A stream that is open ends with the token.
    let listed = tamis_ok(path, &["--json", "token", "list", "--tokens", "tokens"]);
    let id = serde_json::Deserializer::from_str(&listed)
        .into_iter::<Value>()
        .map(Result::unwrap)
        .flat_map(|value| if value.is_array() { value.as_array().unwrap().clone() } else { vec![value] })
        .find(|token| token["role"] == "read")
        .unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let reader = as_role("read");
    let revoked = std::cell::Cell::new(false);
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        reader.events("/api/v1/events", |_, _| {
            if !revoked.replace(true) {
                tamis_ok(path, &["token", "revoke", &id, "--tokens", "tokens"]);
                // Something to tell: it must not come.
                as_role("operate").post("/api/v1/jobs", &json!({ "spec": absolute_spec(path, "out") }));
            }
            None::<()>
        });
    }));
    assert!(ended.is_err() && revoked.get(), "the stream ends");
    assert_eq!(reader.get("/api/v1/jobs").status, 401);
    let log = fs::read_to_string(path.join("coordinator.log")).unwrap();
    for role in ["read", "submit", "operate", "worker"] {
        assert!(!log.contains(&secret(role)), "the log holds the token of {role}");
    }
}

#[test]
fn a_worker_answers_probes_until_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let coordinator = CoordinatorProcess::start(path);
    let args = ["--coordinator", &coordinator.url(), "worker", "--slots", "3", "--http", "127.0.0.1:0"];
    let worker = Process::start(path, &args);
    let probes = Caller::new(worker.hello["http"].as_str().unwrap());
    assert_eq!(probes.get("/livez").status, 200);
    assert_eq!(probes.get("/readyz").status, 200);
    let metrics = probes.get("/metrics").text();
    for line in [
        "tamis_worker_connected 1",
        "tamis_worker_draining 0",
        "tamis_worker_slots 3",
        "tamis_worker_slots_busy 0",
    ] {
        assert!(metrics.contains(&format!("{line}\n")), "`{line}` is not in:\n{metrics}");
    }
    assert_eq!(probes.get("/").status, 404);
    coordinator.stop();
    until("the worker says that nobody answers it", || (probes.get("/readyz").status == 503).then_some(()));
    assert_eq!(probes.get("/livez").status, 200);
    assert!(probes.get("/metrics").text().contains("tamis_worker_connected 0\n"));
    assert_eq!(worker.terminate(), Some(0));
}

#[test]
fn a_request_that_is_never_finished_holds_no_connection() {
    use std::io::{Read as _, Write as _};
    let folder = tempfile::tempdir().unwrap();
    let coordinator = CoordinatorProcess::start(folder.path());
    let mut slow = http_of(&coordinator).connect();
    slow.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\nhost: 127.0").unwrap();
    let mut said = Vec::new();
    // It is closed from over there; an error of the connection is an end, too.
    let _ = slow.read_to_end(&mut said);
    assert!(!String::from_utf8_lossy(&said).contains("200"), "{said:?}");
}
