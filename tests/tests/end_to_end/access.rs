//! Who may do what: each call that must be refused is made, beside one that is not.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use tamis_common::secret::Secret;
use tamis_proto::connect::Access;
use tamis_proto::v1;
use tamis_proto::v1::job_service_client::JobServiceClient;
use tamis_proto::v1::worker_service_client::WorkerServiceClient;
use tamis_tests::corpus;
use tamis_tests::output::Output as JobOutput;
use tamis_tests::process::{Process, command, json_values, tamis, tamis_fails, tamis_ok};
use tamis_tests::{spec, until};
use tonic::Code;

/// A coordinator with a file of tokens, on plain HTTP.
struct Asked {
    folder: tempfile::TempDir,
    url: String,
    _coordinator: Process,
}

impl Asked {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for role in ["read", "submit", "operate", "worker"] {
            let out = format!("{role}.token");
            tamis_ok(
                folder.path(),
                &["token", "new", "--role", role, "--name", role, "--tokens", "tokens", "--out", &out],
            );
        }
        let args = ["coordinator", "--listen", "127.0.0.1:0", "--data-dir", "data", "--tokens", "tokens"];
        let coordinator = Process::start_logged(folder.path(), &args, "coordinator.log");
        let url = format!("http://{}", coordinator.hello["listen"].as_str().unwrap());
        Self { folder, url, _coordinator: coordinator }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn args<'a>(&'a self, token_file: &'a str, args: &[&'a str]) -> Vec<&'a str> {
        let access = ["--json", "--coordinator", &self.url, "--token-file", token_file];
        access.into_iter().chain(args.iter().copied()).collect()
    }

    fn call_as(&self, role: &str, args: &[&str]) -> Output {
        tamis(self.path(), &self.args(&format!("{role}.token"), args))
    }

    fn refused_as(&self, role: &str, args: &[&str], parts: &[&str]) {
        refused(&self.call_as(role, args), parts);
    }

    /// Calls as `role`, which must be let in, until the coordinator has logged `text`.
    fn until_logged(&self, role: &str, text: &str) {
        until(text, || {
            assert!(self.call_as(role, &["jobs"]).status.success());
            fs::read_to_string(self.path().join("coordinator.log")).unwrap().contains(text).then_some(())
        });
    }

    fn secret(&self, role: &str) -> String {
        let text = fs::read_to_string(self.path().join(format!("{role}.token"))).unwrap();
        text.trim().to_owned()
    }
}

/// A call that was wrong: exit code 2, and all of `parts` on stderr.
fn refused(output: &Output, parts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    for part in parts {
        assert!(said.contains(part), "`{part}` is not in:\n{said}");
    }
    assert_eq!(output.status.code(), Some(2), "{said}");
}

fn small_job(path: &Path) {
    corpus::write_jsonl(&path.join("in"), &corpus::documents(50, 51), 2);
    fs::write(path.join("job.toml"), spec("in", "out", "")).unwrap();
}

#[test]
fn a_role_does_what_it_may_and_nothing_else() {
    let asked = Asked::start();
    small_job(asked.path());
    let no_token = ["--coordinator", &asked.url, "jobs"];
    let parts = ["the call carries no token", "one with the role read", "hint: `tamis token new --role read"];
    refused(&tamis(asked.path(), &no_token), &parts);

    let wrong =
        ["/tamis.v1.JobService/Submit", "needs the role submit", "the token `worker` (", "the role worker"];
    asked.refused_as("worker", &["submit", "job.toml"], &wrong);
    asked.refused_as("read", &["submit", "job.toml"], &["needs the role submit"]);
    assert!(tamis_ok(asked.path(), &asked.args("read.token", &["jobs"])).is_empty(), "no job came in");

    let wrong = ["needs the role worker", "has the role submit", "--role worker"];
    asked.refused_as("submit", &["worker", "--slots", "1", "--wait"], &wrong);
    asked.refused_as("operate", &["worker", "--slots", "1"], &["needs the role worker"]);
    assert!(tamis_ok(asked.path(), &asked.args("read.token", &["workers"])).is_empty(), "no worker came in");

    let submitted = tamis_ok(asked.path(), &asked.args("submit.token", &["submit", "job.toml"]));
    let job = json_values(&submitted)[0]["job_id"].as_str().unwrap().to_owned();
    asked.refused_as("read", &["cancel", &job], &["needs the role submit", "has the role read"]);
    asked.refused_as("read", &["retry", &job], &["needs the role submit"]);
    asked.refused_as("worker", &["cancel", &job], &["needs the role submit"]);
    asked.refused_as("submit", &["gc"], &["needs the role operate"]);
    asked.refused_as("submit", &["drain", "nobody"], &["needs the role operate"]);
    asked.refused_as("submit", &["index", "forget", "books", &job], &["needs the role operate"]);
    asked.refused_as("worker", &["jobs"], &["needs the role read"]);
    let status = tamis_ok(asked.path(), &asked.args("read.token", &["status", &job]));
    let state = json_values(&status)[0]["state"].clone();
    assert!(state != "cancelled" && state != "failed", "{status}");

    let _worker = Process::start(
        asked.path(),
        &["--coordinator", &asked.url, "--token-file", "worker.token", "worker", "--slots", "1"],
    );
    tamis_ok(asked.path(), &asked.args("submit.token", &["watch", &job]));
    tamis_ok(asked.path(), &asked.args("operate.token", &["gc"]));
    JobOutput::new(asked.path().join("out")).checked_manifest();
}

#[test]
fn the_codes_are_those_of_grpc_and_only_health_is_open() {
    let asked = Asked::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stranger = Access::default();
        let reader = Access { token: Some(Secret::new(asked.secret("read"))), ..Access::default() };
        let forger = Access { token: Some(Secret::new("tamis_forged".to_owned())), ..Access::default() };
        let endpoint = stranger.endpoint(&asked.url).unwrap();
        let list = v1::ListJobsRequest::default;
        for access in [&stranger, &forger] {
            let mut jobs = JobServiceClient::new(access.connect_lazy(&endpoint).unwrap());
            assert_eq!(jobs.list(list()).await.unwrap_err().code(), Code::Unauthenticated);
        }
        let mut jobs = JobServiceClient::new(reader.connect_lazy(&endpoint).unwrap());
        jobs.list(list()).await.unwrap();
        let submitted = jobs.submit(v1::SubmitRequest::default()).await;
        assert_eq!(submitted.unwrap_err().code(), Code::PermissionDenied);
        let mut workers = WorkerServiceClient::new(reader.connect_lazy(&endpoint).unwrap());
        let registered = workers.register(v1::RegisterRequest::default()).await;
        assert_eq!(registered.unwrap_err().code(), Code::PermissionDenied);

        let channel = endpoint.connect_lazy();
        let mut health = tonic_health::pb::health_client::HealthClient::new(channel);
        health.check(tonic_health::pb::HealthCheckRequest::default()).await.unwrap();

        use tonic_reflection::pb::v1::ServerReflectionRequest;
        use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
        for (access, code) in [(&stranger, Some(Code::Unauthenticated)), (&reader, None)] {
            let mut reflection = ServerReflectionClient::new(access.connect_lazy(&endpoint).unwrap());
            let asked = tokio_stream::iter([ServerReflectionRequest::default()]);
            let answered = reflection.server_reflection_info(asked).await;
            assert_eq!(answered.err().map(|status| status.code()), code);
        }
    });
}

#[test]
fn a_revoked_token_is_refused_without_a_restart_and_a_new_one_is_taken() {
    let asked = Asked::start();
    let listed = json_values(&tamis_ok(asked.path(), &["--json", "token", "list", "--tokens", "tokens"]));
    assert_eq!(listed.len(), 4);
    let id = listed.iter().find(|token| token["role"] == "read").unwrap()["id"].as_str().unwrap();
    assert!(asked.call_as("read", &["jobs"]).status.success());

    tamis_ok(asked.path(), &["token", "revoke", id, "--tokens", "tokens"]);
    until("the token is refused", || (!asked.call_as("read", &["jobs"]).status.success()).then_some(()));
    asked.refused_as("read", &["jobs"], &["does not know the token, or it was revoked"]);
    assert!(asked.call_as("submit", &["jobs"]).status.success());

    // A file that cannot be read changes nothing, and is told of; so is one that others can read.
    let tokens = asked.path().join("tokens");
    let good = fs::read(&tokens).unwrap();
    fs::write(&tokens, "nonsense\n").unwrap();
    asked.until_logged("submit", "`tokens` line 1: a token has 5 fields");
    let (code, said) = tamis_fails(asked.path(), &["token", "list", "--tokens", "tokens"]);
    assert!(code == 2 && said.contains("`tokens` line 1: a token has 5 fields"), "{said}");

    fs::write(&tokens, good).unwrap();
    fs::set_permissions(&tokens, fs::Permissions::from_mode(0o644)).unwrap();
    asked.until_logged("submit", "others than its owner may read the tokens `tokens`");
    let new =
        ["token", "new", "--role", "read", "--name", "again", "--tokens", "tokens", "--out", "new.token"];
    tamis_ok(asked.path(), &new);
    until("the new token is taken", || asked.call_as("new", &["jobs"]).status.success().then_some(()));
    assert_eq!(
        fs::metadata(&tokens).unwrap().permissions().mode() & 0o777,
        0o600,
        "what is written is private"
    );
    let (_, said) = tamis_fails(asked.path(), &["token", "revoke", id, "--tokens", "tokens"]);
    assert!(said.contains(&format!("has no token with the id `{id}`")), "{said}");
}

#[test]
fn a_worker_whose_token_is_revoked_gets_no_task_though_it_waits_for_one() {
    let asked = Asked::start();
    small_job(asked.path());
    let start = |token: &str| {
        let access = ["--coordinator", &asked.url, "--token-file", token];
        Process::start(asked.path(), &[&access[..], &["worker", "--slots", "1"]].concat())
    };
    let _revoked = start("worker.token");
    let listed = json_values(&tamis_ok(asked.path(), &["--json", "token", "list", "--tokens", "tokens"]));
    let id = listed.iter().find(|token| token["role"] == "worker").unwrap()["id"].as_str().unwrap();
    let other =
        ["token", "new", "--role", "worker", "--name", "o", "--tokens", "tokens", "--out", "other.token"];
    tamis_ok(asked.path(), &other);
    tamis_ok(asked.path(), &["token", "revoke", id, "--tokens", "tokens"]);
    until("the token is refused", || {
        let said = asked.call_as("worker", &["jobs"]).stderr;
        String::from_utf8_lossy(&said).contains("it was revoked").then_some(())
    });

    assert!(asked.call_as("submit", &["submit", "job.toml"]).status.success());
    let _other = start("other.token");
    until("the job is published", || asked.path().join("out/manifest.json").exists().then_some(()));
    let output = JobOutput::new(asked.path().join("out"));
    assert_eq!(output.json("run.json")["failed_attempts"], 0, "the revoked worker was given a task");
}

#[test]
fn a_coordinator_that_knows_nobody_does_not_listen_to_other_machines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let everywhere = ["coordinator", "--listen", "0.0.0.0:0", "--data-dir", "data"];
    let parts = ["other machines could call `0.0.0.0:0`", "hint: give --tokens FILE", "--insecure"];
    refused(&tamis(path, &everywhere), &parts);
    assert!(!path.join("data/state").exists(), "it has not begun");

    let missing = [&everywhere[..], &["--tokens", "tokens"]].concat();
    refused(
        &tamis(path, &missing),
        &["cannot read the tokens `tokens`", "hint: make it with `tamis token new"],
    );
    tamis_ok(path, &["token", "new", "--role", "read", "--name", "r", "--tokens", "tokens"]);
    drop(Process::start(path, &missing));
    drop(Process::start(path, &[&everywhere[..], &["--insecure"]].concat()));
}

#[test]
fn a_token_does_not_leave_this_machine_unencrypted() {
    let folder = tempfile::tempdir().unwrap();
    // An address that nobody has: a call that was made would wait for it.
    let args = ["--coordinator", "http://192.0.2.1:7171", "jobs"];
    let mut call = command(folder.path());
    let output = call.args(args).env("TAMIS_TOKEN", "tamis_planted").output().unwrap();
    refused(&output, &["a token is not sent to `http://192.0.2.1:7171`", "https://", "--insecure"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("tamis_planted"));

    let mut call = command(folder.path());
    let empty = call.args(["jobs"]).env("TAMIS_TOKEN", " ").output().unwrap();
    refused(&empty, &["TAMIS_TOKEN holds no token"]);
    fs::write(folder.path().join("a.pem"), "nothing").unwrap();
    let no_key = ["--coordinator", "https://127.0.0.1:1", "--client-cert", "a.pem", "jobs"];
    refused(&tamis(folder.path(), &no_key), &["--client-cert needs --client-key"]);
    let no_pem = ["--coordinator", "https://127.0.0.1:1", "--tls-ca", "a.pem", "jobs"];
    refused(&tamis(folder.path(), &no_pem), &["`a.pem` holds no certificate in PEM"]);
    let plain = ["--tls-ca", "a.pem", "jobs"];
    refused(&tamis(folder.path(), &plain), &["is not encrypted, but certificates are given for it"]);
}

/// An authority of the test's own, which also signs what is wrong.
struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    /// Writes `NAME.pem`.
    fn new(path: &Path, name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        fs::write(path.join(format!("{name}.pem")), params.self_signed(&key).unwrap().pem()).unwrap();
        Self(Issuer::new(params, key))
    }

    /// Writes `NAME.pem` and `NAME.key`, good for 127.0.0.1 until `year`.
    fn sign(&self, path: &Path, name: &str, year: i32) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 1, 1);
        let cert = params.signed_by(&key, &self.0).unwrap();
        fs::write(path.join(format!("{name}.pem")), cert.pem()).unwrap();
        fs::write(path.join(format!("{name}.key")), key.serialize_pem()).unwrap();
    }
}

const VALID: i32 = 4000;
const EXPIRED: i32 = 2020;

/// A coordinator that shows `CERT.pem`, and its URL without a scheme.
fn encrypted(path: &Path, cert: &str, more: &[&str]) -> (Process, String) {
    let (pem, key, data) = (format!("{cert}.pem"), format!("{cert}.key"), format!("data-{cert}"));
    let args = [
        "coordinator",
        "--listen",
        "127.0.0.1:0",
        "--data-dir",
        &data,
        "--tls-cert",
        &pem,
        "--tls-key",
        &key,
    ];
    let coordinator = Process::start(path, &[&args[..], more].concat());
    let address = coordinator.hello["listen"].as_str().unwrap().to_owned();
    (coordinator, address)
}

#[test]
fn a_certificate_that_is_expired_or_of_another_authority_is_refused_by_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let (ours, other) = (Authority::new(path, "ca"), Authority::new(path, "other-ca"));
    ours.sign(path, "server", VALID);
    ours.sign(path, "client", VALID);
    ours.sign(path, "old", EXPIRED);
    other.sign(path, "stranger", VALID);

    // The coordinator's certificate.
    let (_server, address) = encrypted(path, "server", &[]);
    let url = format!("https://{address}");
    tamis_ok(path, &["--coordinator", &url, "--tls-ca", "ca.pem", "jobs"]);
    for ca in [&["--tls-ca", "other-ca.pem"][..], &[]] {
        let args = [&["--coordinator", &url, "jobs"], ca].concat();
        refused(&tamis(path, &args), &["invalid peer certificate", "hint: --tls-ca must name the authority"]);
        let worker = [&["--coordinator", &url, "worker", "--wait"], ca].concat();
        refused(&tamis(path, &worker), &["invalid peer certificate"]);
    }
    let (_expired, old) = encrypted(path, "old", &[]);
    let args = ["--coordinator", &format!("https://{old}"), "--tls-ca", "ca.pem", "jobs"];
    refused(&tamis(path, &args), &["invalid peer certificate: certificate expired"]);

    // The caller's certificate.
    ours.sign(path, "mutual", VALID);
    let (_mutual, address) = encrypted(path, "mutual", &["--tls-client-ca", "ca.pem"]);
    let url = format!("https://{address}");
    let call = |identity: Option<&str>, what: &[&str]| {
        let mut args =
            vec!["--coordinator".to_owned(), url.clone(), "--tls-ca".to_owned(), "ca.pem".to_owned()];
        if let Some(name) = identity {
            args.extend(
                ["--client-cert", &format!("{name}.pem"), "--client-key", &format!("{name}.key")]
                    .map(Into::into),
            );
        }
        args.extend(what.iter().map(|arg| (*arg).to_owned()));
        tamis(path, &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    assert!(call(Some("client"), &["jobs"]).status.success());
    let worker = ["worker", "--slots", "1", "--wait"];
    for what in [&["jobs"][..], &worker] {
        refused(
            &call(None, what),
            &["CertificateRequired", "hint: the coordinator wants to see a certificate"],
        );
        refused(&call(Some("old"), what), &["CertificateExpired", "--client-cert must be valid now"]);
        refused(&call(Some("stranger"), what), &["received fatal alert", "--client-cert must be valid now"]);
    }
    assert!(call(Some("client"), &["--json", "workers"]).stdout.is_empty(), "no worker came in");
}

#[test]
fn plain_http_and_tls_do_not_mix_and_say_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    Authority::new(path, "ca").sign(path, "server", VALID);
    let (_server, address) = encrypted(path, "server", &[]);
    let url = format!("http://{address}");
    for what in [&["jobs"][..], &["worker", "--wait"]] {
        let output = tamis(path, &[&["--coordinator", &url], what].concat());
        refused(&output, &["speaks TLS only", "hint: write https:// in --coordinator"]);
    }

    let plain = ["coordinator", "--listen", "127.0.0.1:0", "--data-dir", "data"];
    let plain = Process::start(path, &plain);
    let url = format!("https://{}", plain.hello["listen"].as_str().unwrap());
    refused(
        &tamis(path, &["--coordinator", &url, "--tls-ca", "ca.pem", "jobs"]),
        &["does not speak TLS", "http://"],
    );

    // Files that do not belong together are told of at the start.
    Authority::new(path, "other-ca").sign(path, "other", VALID);
    let mixed =
        ["coordinator", "--listen", "127.0.0.1:0", "--tls-cert", "server.pem", "--tls-key", "other.key"];
    refused(&tamis(path, &mixed), &["certificate `server.pem` and the key `other.key`"]);
    let no_key =
        ["coordinator", "--listen", "127.0.0.1:0", "--tls-cert", "server.pem", "--tls-key", "server.pem"];
    refused(&tamis(path, &no_key), &["`server.pem` holds no private key in PEM"]);
}

/// Everything below a folder.
fn all_files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { all_files(&path) } else { vec![path] }).collect()
}

/// The words of a printed command, behind `tamis`, at another port.
fn words<'a>(printed: &'a str, address: &str) -> Vec<String> {
    let port = address.rsplit_once(':').unwrap().1;
    let words = |word: &'a str| word.replace(":7171", &format!(":{port}")).replace("JOB.toml", "job.toml");
    let words: Vec<String> = printed.split(' ').map(words).collect();
    assert_eq!(words[0], "tamis");
    words[1..].to_vec()
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[test]
fn the_commands_of_certs_init_run_a_job_and_leave_no_secret_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    small_job(path);
    let made =
        json_values(&tamis_ok(path, &["--json", "certs", "init", "certs", "--host", "localhost"])).remove(0);
    let commands: Vec<&str> =
        made["commands"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    assert_eq!(commands.len(), 5);
    for key in ["ca.key", "server.key", "client.key"] {
        assert_eq!(
            fs::metadata(path.join("certs").join(key)).unwrap().permissions().mode() & 0o777,
            0o600,
            "{key}"
        );
    }
    let (code, said) = tamis_fails(path, &["certs", "init", "certs"]);
    assert!(code == 2 && said.contains("`certs/ca.pem` is there already, nothing is overwritten"), "{said}");

    for command in &commands[..2] {
        tamis_ok(path, &borrowed(&words(command, ":0")));
    }
    let shown =
        tamis_ok(path, &["token", "new", "--role", "read", "--name", "shown", "--tokens", "certs/tokens"]);
    let shown = shown.trim().to_owned();
    let coordinator = Process::start_logged(path, &borrowed(&words(commands[2], ":0")), "coordinator.log");
    let address = coordinator.hello["listen"].as_str().unwrap().to_owned();
    let worker = Process::start_logged(path, &borrowed(&words(commands[3], &address)), "worker.log");
    let submit = words(commands[4], &address);
    let logged = |args: &[&str], token: Option<&str>| {
        let mut call = command(path);
        call.args(args)
            .env("TAMIS_LOG", "trace")
            .envs(token.map(|token| ("TAMIS_TOKEN", token)))
            .output()
            .unwrap()
    };
    let output = logged(&borrowed(&submit), None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    JobOutput::new(path.join("out")).checked_manifest();

    // What is refused tells no secrets, either.
    let reach: Vec<&str> = submit.iter().map(String::as_str).skip(3).take(8).collect();
    let listed = logged(&[&["jobs"][..], &reach].concat(), Some(&shown));
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    let forged = shown.replace("tamis_", "tamis_f0");
    let refused_calls = [
        logged(&[&["cancel", "J"][..], &reach].concat(), Some(&shown)),
        logged(&[&["jobs"][..], &reach].concat(), Some(&forged)),
        logged(&["--coordinator", "http://192.0.2.1:1", "jobs"], Some(&shown)),
    ];
    refused_calls.iter().for_each(|output| refused(output, &[]));
    assert_eq!(worker.terminate(), Some(0));
    assert_eq!(coordinator.terminate(), Some(0));

    let mut secrets = vec![shown, forged];
    for role in ["worker", "operate"] {
        let text = fs::read_to_string(path.join(format!("certs/{role}.token"))).unwrap();
        secrets.push(text.trim().to_owned());
    }
    for name in ["client.key", "server.key"] {
        let pem = fs::read_to_string(path.join("certs").join(name)).unwrap();
        secrets.push(pem.lines().nth(1).unwrap().to_owned());
    }
    let mut looked = Vec::new();
    for output in refused_calls.iter().chain([&output, &listed]) {
        looked.push(("an output".to_owned(), [&output.stdout[..], &output.stderr].concat()));
    }
    for file in all_files(path) {
        let name = file.strip_prefix(path).unwrap().display().to_string();
        if !name.ends_with(".token") && !name.ends_with(".key") {
            looked.push((name, fs::read(&file).unwrap()));
        }
    }
    assert!(
        looked.iter().any(|(name, bytes)| name == "coordinator.log" && bytes.len() > 10_000),
        "it logs much"
    );
    for (name, bytes) in &looked {
        for secret in &secrets {
            // Without the prefix, which alone would hide a secret that is logged in part.
            let bare = secret.trim_start_matches("tamis_").as_bytes();
            assert!(!bytes.windows(bare.len()).any(|window| window == bare), "a secret stands in {name}");
        }
    }
}
