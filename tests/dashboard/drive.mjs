// The dashboard in a browser, over a real coordinator and worker, from the first job to the last index entry.
//
//     TAMIS_TEST_BINARY=target/release/tamis node drive.mjs [FOLDER]
//
// With FOLDER, pictures of every page are left there, at three widths and in both themes. TAMIS_TEST_CHROMIUM names the browser
// (default: `chromium` of the PATH), TAMIS_TEST_MEGABYTES the size of the corpus (default: 48). With TAMIS_TEST_SOURCES the page
// comes from the sources instead of the binary, so that a change of it is tried without a build.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Watched, launch } from './browser.mjs';
import { Cluster, within } from './cluster.mjs';
import { HOSTILE, writeCorpus, writeHostile } from './corpus.mjs';

const binary = process.env.TAMIS_TEST_BINARY;
if (!binary) {
  console.error('error: TAMIS_TEST_BINARY must name the command `tamis`\nhint: cargo build --release, then TAMIS_TEST_BINARY=target/release/tamis');
  process.exit(2);
}
const megabytes = Number(process.env.TAMIS_TEST_MEGABYTES ?? 48);
const pictures = process.argv[2] ?? null;
const folder = await mkdtemp(join(tmpdir(), 'tamis-dashboard-'));
const cluster = new Cluster(binary, Boolean(process.env.TAMIS_TEST_SOURCES));
let browser = null;
const began = performance.now();

/** A step of the story: what went wrong in the browser fails it. */
async function step(words, watched, run) {
  console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${words}`);
  try {
    await run();
    watched.check();
  } catch (error) {
    if (pictures) await watched.page.screenshot({ path: join(pictures, 'failure.png') }).catch(() => {});
    throw new Error([words, ...watched.wrong].join('\n'), { cause: error });
  }
}

const spec = (name, { sources, extra = '' }) => `name = ${JSON.stringify(name)}

[tokenizer]
path = "${folder}/tokenizer.json"

${sources.map(([source, role]) => `[[source]]\nname = "${source}"\nrole = "${role}"\ninputs = ["${folder}/${source}/"]\n`).join('\n')}
[filter.length]
min_chars = 50

[dedup]
index = "default"

[output]
uri = "${folder}/out-${name.replace(/[^a-z0-9]/g, '')}"

[run]
shard_bytes = "1MiB"
max_bad_share = 0.5
${extra}`;
const BOTH = [['reports', 'domain'], ['web', 'general']];

/** What the coordinator says, past the page. */
async function ask(watched, path) {
  const response = await watched.page.request.get(`${watched.origin}/api/v1/${path}`);
  assert.equal(response.status(), 200, path);
  return response.json();
}

async function main() {
  await writeCorpus(folder, megabytes);
  await writeHostile(join(folder, 'hostile'));
  await copyFile(fileURLToPath(new URL('../../examples/finance-zh/tokenizer.json', import.meta.url)), join(folder, 'tokenizer.json'));
  if (pictures) await mkdir(pictures, { recursive: true });
  browser = await launch();
  const coordinator = await cluster.coordinator(join(folder, 'data'), folder);
  await story(coordinator);
  await harm(coordinator);
  await absence(coordinator);
  await roles();
}

/** Submits a spec through the page and gives the job's id. */
async function submit(watched, text) {
  const { page } = watched;
  await watched.go('#/submit');
  await page.getByLabel('Job spec').fill(text);
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  await page.waitForURL(/#\/jobs\/j-/);
  return /#\/jobs\/([^/]+)/.exec(page.url())[1];
}

const state = (page) => page.locator('.job-title .state');
const until = (page, words) => state(page).getByText(words, { exact: true }).waitFor({ timeout: 300_000 });

async function story(coordinator) {
  const watched = await Watched.open(browser, coordinator.url);
  const { page } = watched;
  const look = (name) => watched.inspect(name, pictures);

  await step('without jobs and workers the pages say what to do', watched, async () => {
    await watched.go('');
    await page.getByText('There are no jobs yet').waitFor();
    await look('jobs-empty');
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.getByText('No worker is there').waitFor();
    await page.getByRole('link', { name: 'Indexes' }).click();
    await page.getByText('There is no index yet').waitFor();
  });

  await step('a wrong spec is refused with what is wrong', watched, async () => {
    await watched.go('#/jobs');
    await page.getByRole('link', { name: 'Submit a job' }).click();
    await page.getByRole('button', { name: 'Submit', exact: true }).click();
    await page.getByText('Paste a spec first').waitFor();
    await watched.expecting([400], async () => {
      await page.getByLabel('Job spec').fill('nam = "x"');
      await page.getByRole('button', { name: 'Submit', exact: true }).click();
      await page.getByText('`nam` is unknown; did you mean `name`?').waitFor();
      await look('submit');
    });
  });

  let watchedJob = '';
  await step('a job is submitted, and waits for a worker', watched, async () => {
    watchedJob = await submit(watched, spec('watched', { sources: BOTH }));
    await until(page, 'scanning');
    await page.getByText('waits for a worker').waitFor();
  });

  const worker = await cluster.worker(coordinator);
  await step('its bars move while it is read', watched, async () => {
    const bar = page.getByRole('progressbar', { name: 'Scan' });
    const percent = async () => Number(await bar.getAttribute('aria-valuenow'));
    const first = await eventually(async () => ((await percent()) > 0 ? percent() : null), 'the bar of the scan begins');
    assert.ok(first < 100, 'the scan was over before it was seen: a larger corpus is needed');
    await eventually(async () => (await percent()) > first, 'the bar moves');
    await page.locator('.step-row[data-standing="now"] .speed').getByText('/s').waitFor();
  });

  await step('its funnel fills', watched, async () => {
    const read = page.locator('.waterfall tbody tr').first();
    await eventually(async () => ((await read.locator('.bar i').first().getAttribute('style')) ?? '') !== '', 'the funnel begins');
    await page.getByText(/^So far .* of about/).waitFor();
    await look('job-running');
  });

  await step('live figures leave focus and selection where they are', watched, async () => {
    await watched.go('#/jobs');
    const link = page.getByRole('link', { name: 'watched' });
    await link.focus();
    const before = await page.locator('.jobs .progress .soft').first().textContent();
    await eventually(async () => (await page.locator('.jobs .progress .soft').first().textContent()) !== before, 'the row changes');
    assert.equal(await link.evaluate((element) => document.activeElement === element), true);
    await look('jobs-running');
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.locator('.attempts li').first().waitFor();
    await look('workers');
  });

  await step('shards are looked at by keys', watched, async () => {
    await watched.go(`#/jobs/${watchedJob}/shards?phase=scan`);
    const grid = page.getByRole('slider');
    await grid.focus();
    await page.keyboard.press('End');
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    assert.match(await grid.getAttribute('aria-valuetext'), /^Shard 1: /);
    await page.locator('.shard-detail').getByText('reports').first().waitFor();
    await look('shards');
  });

  let second = '';
  await step('a second job is cancelled with a reason, after a second thought', watched, async () => {
    second = await submit(watched, spec('second', { sources: [BOTH[0]] }));
    const button = page.getByRole('button', { name: 'Cancel', exact: true });
    await button.click();
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await look('dialog');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(await button.evaluate((element) => document.activeElement === element), true, 'focus comes back');
    assert.notEqual((await ask(watched, `jobs/${second}`)).state, 'cancelled');
    await button.click();
    await dialog.getByLabel('Reason').fill('the wrong folder');
    await dialog.getByRole('button', { name: 'Cancel', exact: true }).click();
    await until(page, 'cancelled');
    await page.getByText('cancelled: the wrong folder').waitFor();
    assert.equal((await ask(watched, `jobs/${second}`)).state, 'cancelled');
  });

  await step('the first job is published while it is watched', watched, async () => {
    await watched.go(`#/jobs/${watchedJob}`);
    await until(page, 'published');
    await page.locator('.verdict').getByText('Not ready to train.').waitFor();
    const figures = await ask(watched, `jobs/${watchedJob}/figures`);
    const grouped = new Intl.NumberFormat('en-GB');
    const cells = page.locator('.waterfall tbody tr td:nth-child(3)');
    await eventually(async () => (await cells.last().textContent()) === grouped.format(figures.funnel.at(-1).documents), 'the funnel is final');
    assert.deepEqual(await cells.allTextContents(), figures.funnel.map((stage) => grouped.format(stage.documents)));
    await look('job-published');
  });

  await step('a drop has samples, a list, and its text', watched, async () => {
    await page.getByRole('link', { name: 'filter length.min_chars' }).click();
    await page.getByRole('heading', { name: 'Dropped by filter length.min_chars' }).waitFor();
    await page.locator('.sample').first().waitFor();
    const texts = await page.locator('.sample .text').allTextContents();
    assert.ok(texts.includes('Read more') && texts.includes('暂无数据'), texts.join(' | '));
    const first = page.locator('.drops tbody tr').first();
    assert.match(await first.textContent(), /against 50/);
    await first.getByText('Read it').click();
    await first.locator('.text').waitFor();
    assert.ok(texts.includes(await first.locator('.text').textContent()));
    await look('drops');
    await page.getByRole('button', { name: 'Next', exact: true }).click();
    await page.getByText('26 to 50').waitFor();
  });

  await step('a pair of near copies is shown side by side with what differs', watched, async () => {
    await page.getByRole('link', { name: 'Duplicates' }).click();
    const figures = await ask(watched, `jobs/${watchedJob}/figures`);
    const near = figures.drops.find((drop) => drop.stage === 'near').documents;
    await page.getByRole('link', { name: `Near copies ${new Intl.NumberFormat('en-GB').format(near)}` }).waitFor();
    await page.locator('.pairs tbody tr').first().waitFor();
    await look('duplicates');
    await page.locator('.pairs tbody tr').first().getByRole('link').click();
    await page.locator('.diff').waitFor();
    const [gone, fresh] = [page.locator('del.mark'), page.locator('ins.mark')];
    assert.ok((await gone.count()) > 0 && (await fresh.count()) > 0, 'differences are marked');
    assert.notDeepEqual(await gone.allTextContents(), await fresh.allTextContents());
    await look('pair');
    await page.getByRole('link', { name: 'Next pair' }).click();
    await page.getByRole('link', { name: 'Previous pair' }).waitFor();
    // The address alone shows the pair, too.
    await page.reload();
    await page.locator('.diff').waitFor();
    await page.getByRole('link', { name: 'All pairs' }).click();
    await page.getByRole('link', { name: /^Exact copies/ }).click();
    await page.locator('.pairs tbody tr').first().getByRole('link').click();
    await page.getByText('equal to the letter').waitFor();
  });

  await step('readiness, tokens, files, spec and a document', watched, async () => {
    await watched.go(`#/jobs/${watchedJob}/readiness`);
    await page.locator('.gate').first().waitFor();
    const { readiness } = await ask(watched, `jobs/${watchedJob}/report`);
    assert.equal(await page.locator('.gate').count(), readiness.gates.length);
    await look('readiness');
    const [report] = await Promise.all([page.context().waitForEvent('page'), page.getByRole('link', { name: 'The whole report' }).click()]);
    await report.getByRole('heading', { name: 'Checks before training' }).waitFor();
    assert.notEqual(await report.locator('body').evaluate((body) => getComputedStyle(body).maxWidth), 'none', 'the report has its style');
    await report.close();

    await page.getByRole('link', { name: 'Tokens', exact: true }).click();
    const { tokens } = await ask(watched, `jobs/${watchedJob}/report`);
    await page.locator('.tiles').getByText(new Intl.NumberFormat('en-GB').format(tokens.total)).waitFor();
    await look('tokens');

    await page.getByRole('link', { name: 'Files' }).click();
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'manifest.json' }).click()]);
    const files = (await ask(watched, `jobs/${watchedJob}/output`)).files;
    const data = await readFile(await download.path());
    assert.equal(data.length, files.find((file) => file.path === 'manifest.json').bytes);
    const part = files.find((file) => file.path.startsWith('text/'));
    const fetched = await page.request.get(`${watched.origin}/api/v1/jobs/${watchedJob}/output/${part.path}`);
    assert.equal(createHash('sha256').update(await fetched.body()).digest('hex'), part.sha256);
    await look('files');

    await page.getByRole('link', { name: 'Spec' }).click();
    await page.locator('pre.spec').getByText('"min_chars": 50').waitFor();
    await look('spec');

    await page.getByRole('link', { name: 'Explain' }).click();
    const { drops } = await ask(watched, `jobs/${watchedJob}/drops?stage=near&page_size=1`);
    await page.getByLabel('Document id').fill(drops[0].document_id);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: `Dropped ${drops[0].document_id}` }).waitFor();
    await look('explain');
    await watched.expecting([404], async () => {
      await page.getByLabel('Document id').fill('nobody');
      await page.keyboard.press('Enter');
      await page.getByText('read no document nobody').waitFor();
    });
  });

  await step('the cancelled job is retried and published', watched, async () => {
    await watched.go(`#/jobs/${second}`);
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Retry' }).click();
    await page.getByText('second goes on.').waitFor();
    await until(page, 'published');
    // All of it stands in the index of the first one.
    await page.getByRole('link', { name: 'Duplicates' }).click();
    await page.getByRole('link', { name: /^In the index/ }).click();
    await page.locator('.pairs tbody tr').first().getByRole('link').click();
    await page.locator('.diff').waitFor();
    await page.getByText(`of job ${watchedJob}`).first().waitFor();
    await look('pair-index');
  });

  await step('lists are filtered, in both languages and themes', watched, async () => {
    await watched.go('#/jobs');
    await page.getByText('Failed 0').click();
    await page.getByText('No job is like that').waitFor();
    await page.getByText('All 2', { exact: true }).click();
    await page.getByRole('searchbox').fill('watch');
    await page.getByRole('link', { name: 'second' }).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'watched' }).waitFor();
    await page.getByRole('button', { name: '中文' }).click();
    await page.getByRole('heading', { name: '任务', exact: true }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'zh-CN');
    await look('jobs-zh');
    await watched.go(`#/jobs/${watchedJob}`);
    await page.locator('.verdict').waitFor();
    await look('job-zh');
    await page.getByRole('button', { name: 'English' }).click();
    const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await back();
    await page.getByRole('button', { name: 'Light or dark' }).click();
    assert.notEqual(await back(), light);
    await page.getByRole('button', { name: 'Light or dark' }).click();
    assert.equal(await back(), light);
  });

  await step('the index shows both jobs and forgets one', watched, async () => {
    await page.getByRole('link', { name: 'Indexes' }).click();
    await look('indexes');
    await page.getByRole('link', { name: 'default' }).click();
    await page.getByRole('heading', { name: 'Documents over time' }).waitFor();
    const { jobs, documents } = await ask(watched, 'indexes/default');
    assert.ok(jobs.some((job) => job.job_id === watchedJob));
    await page.locator('.tiles').getByText(new Intl.NumberFormat('en-GB').format(documents)).waitFor();
    await look('index');
    await page.getByRole('button', { name: 'Forget watched' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Forget' }).click();
    await page.getByText(/documents were forgotten/).waitFor();
    assert.ok(!(await ask(watched, 'indexes/default')).jobs.some((job) => job.job_id === watchedJob));
  });

  await step('a worker is drained and leaves', watched, async () => {
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.getByRole('button', { name: /^Drain/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
    await page.getByText('is draining.').waitFor();
    await within(worker.ended, 'the drained worker ends');
    // The coordinator lists it for some time yet.
    await page.locator('.workers .tag').getByText('draining').waitFor();
  });

  await step('keys alone lead through the page', watched, async () => {
    await watched.go('#/jobs');
    await page.reload();
    await page.getByRole('link', { name: 'watched' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement?.tagName), 'H1', 'the first key skips to the content');
    for (let presses = 0; !(await page.evaluate(() => document.activeElement?.textContent === 'watched')); presses++) {
      assert.ok(presses < 20, 'the job is reached by Tab');
      await page.keyboard.press('Tab');
    }
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'watched' }).waitFor();
  });
  await watched.close();
}

/** Text that means harm is shown and does none. */
async function harm(coordinator) {
  const watched = await Watched.open(browser, coordinator.url);
  const { page } = watched;
  const worker = await cluster.worker(coordinator);
  const look = (name) => watched.inspect(name, pictures);
  const shown = HOSTILE.replaceAll('\u202e', '⟨U+202E⟩').replaceAll('\u202c', '⟨U+202C⟩').replaceAll('\u001b', '⟨U+001B⟩').replaceAll('\u200b', '⟨U+200B⟩');
  let job = '';
  const unharmed = async () => assert.equal(await page.evaluate(() => globalThis.harmed), undefined);

  await step('a name that means harm is refused, and shown as it stands', watched, async () => {
    await watched.expecting([400], async () => {
      await watched.go('#/submit');
      await page.getByLabel('Job spec').fill(spec('<script>window.harmed = 3</script>', { sources: [['hostile', 'domain']] }));
      await page.getByRole('button', { name: 'Submit', exact: true }).click();
      await page.locator('.problem-text').getByText('<script>window.harmed = 3</script>').waitFor();
    });
    await unharmed();
  });

  await step('a reason that means harm is text', watched, async () => {
    await submit(watched, spec('reason', { sources: BOTH }));
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('dialog').getByLabel('Reason').fill(HOSTILE.slice(0, 200));
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel', exact: true }).click();
    await until(page, 'cancelled');
    await page.getByText('cancelled: <script>window.harmed = 1</script>').waitFor();
    await look('harm-job');
    await unharmed();
  });

  await step('a job over texts that mean harm', watched, async () => {
    job = await submit(watched, spec('harm', { sources: [['hostile', 'domain']] }));
    await until(page, 'published');
  });

  await step('its samples, drops and duplicates are text', watched, async () => {
    await page.getByRole('link', { name: 'filter length.min_chars' }).click();
    await page.locator('.sample').first().waitFor();
    assert.match(await page.locator('.sample .text').first().textContent(), /^<b>\d<\/b>⟨U\+202E⟩$/);
    await look('harm-drops');
    await page.getByRole('link', { name: 'Duplicates' }).click();
    await page.getByRole('link', { name: /^Near copies/ }).click();
    const row = page.locator('.pairs tbody tr').first();
    await row.waitFor();
    assert.ok((await row.textContent()).includes(shown));
    await row.getByRole('link').click();
    await page.locator('.diff').waitFor();
    assert.ok((await page.locator('.diff').textContent()).includes('⟨U+202E⟩'));
    await page.getByText('Other fields').first().click();
    await look('harm-pair');
    await page.reload();
    await page.locator('.diff').waitFor();
    await unharmed();
  });

  await step('a word of a million letters leaves the page usable', watched, async () => {
    await watched.go(`#/jobs/${job}/explain?id=long-word-copy`);
    await page.getByRole('heading', { name: /^Dropped/ }).waitFor();
    await page.getByText('Read it').click();
    await page.getByText('its first 256 KiB are shown').waitFor();
    await page.getByRole('button', { name: 'Show more' }).click();
    await page.getByRole('link', { name: 'Compare' }).click();
    await page.locator('.diff').waitFor();
    await look('harm-long');
    await watched.go(`#/jobs/${job}/explain?id=${encodeURIComponent(`${HOSTILE}-3`)}`);
    await page.getByRole('heading', { name: /^Kept/ }).waitFor();
    await page.getByText('Read it').click();
    await page.locator('.document .text').waitFor();
    await unharmed();
  });
  await worker.stop();
  await watched.close();
}

/** The coordinator goes and comes back. */
async function absence(coordinator) {
  const watched = await Watched.open(browser, coordinator.url);
  const { page } = watched;
  await step('a coordinator that goes is missed, and one that comes back is found', watched, async () => {
    await watched.go('#/jobs');
    await page.locator('.live').getByText('live', { exact: true }).waitFor();
    const jobs = await page.locator('.jobs tbody tr').count();
    await watched.expecting(['away'], async () => {
      await coordinator.stop('SIGKILL');
      await page.getByText('The coordinator does not answer.').waitFor();
      await watched.inspect('away', pictures);
      assert.equal(await page.locator('.jobs tbody tr').count(), jobs, 'what was known stays');
      const again = await cluster.coordinator(join(folder, 'data'), folder, { listen: coordinator.hello.listen, http: new URL(coordinator.hello.http).host });
      await page.locator('.live').getByText('live', { exact: true }).waitFor();
      await page.getByText('The coordinator does not answer.').waitFor({ state: 'detached' });
      await again.stop();
      await page.getByText('The coordinator does not answer.').waitFor();
      await page.goto('about:blank');
    });
  });
  await watched.close();
}

/** With tokens each sees what the role allows. */
async function roles() {
  const home = join(folder, 'roles');
  await mkdir(join(home, 'data'), { recursive: true });
  const tokens = join(home, 'tokens');
  const secret = {};
  for (const role of ['read', 'submit', 'operate', 'worker']) {
    const file = join(home, `${role}.token`);
    await cluster.run(['token', 'new', '--role', role, '--name', `${role}-name`, '--tokens', tokens, '--out', file]);
    secret[role] = (await readFile(file, 'utf8')).trim();
  }
  // The corpus stands in the folder above; its data is of the other coordinator.
  const coordinator = await cluster.coordinator(join(home, 'data'), folder, { more: ['--tokens', tokens] });
  const { url } = coordinator;
  await cluster.worker(coordinator, 1, { TAMIS_TOKEN: secret.worker });
  const watched = await Watched.open(browser, url);
  const { page } = watched;
  const enter = async (token) => {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };

  await step('without a token there is a door', watched, async () => {
    await watched.expecting([401], async () => {
      await watched.go('#/workers');
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await watched.inspect('sign-in', pictures);
      await enter('tamis_wrong');
      await page.getByText('does not know this token').waitFor();
    });
    await enter(secret.read);
    await page.getByRole('heading', { name: 'Workers' }).waitFor();
    assert.equal(await page.evaluate(() => document.cookie), '', 'no script reads the token');
  });

  await step('a reader is offered nothing that changes anything', watched, async () => {
    await page.getByText('read-name').waitFor();
    await page.locator('.workers tbody tr').first().waitFor();
    await page.getByRole('button', { name: /^Drain/ }).waitFor({ state: 'detached' });
    await watched.go('#/jobs');
    assert.equal(await page.getByRole('link', { name: 'Submit a job' }).count(), 0);
    await watched.go('#/submit');
    await page.getByText('may read, not submit').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await watched.expecting([401], () => page.getByRole('heading', { name: 'Sign in' }).waitFor());
  });

  let job = '';
  await step('who may submit cancels, but does not drain', watched, async () => {
    await enter(secret.submit);
    await page.getByText('submit-name').waitFor();
    job = await submit(watched, spec('roles', { sources: BOTH }));
    await page.getByRole('button', { name: 'Cancel', exact: true }).waitFor();
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.locator('.workers tbody tr').first().waitFor();
    assert.equal(await page.getByRole('button', { name: /^Drain/ }).count(), 0);
  });

  await step('a role that went is told where it is missed', watched, async () => {
    await watched.go(`#/jobs/${job}`);
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    // The token changes behind the page.
    await page.request.post(`${url}/api/v1/session`, { headers: { 'x-tamis': '1' }, data: { token: secret.read } });
    await watched.expecting([403], async () => {
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel', exact: true }).click();
      await page.getByRole('dialog').getByText('needs the role submit').waitFor();
    });
    await page.keyboard.press('Escape');
    await page.request.delete(`${url}/api/v1/session`, { headers: { 'x-tamis': '1' } });
    await watched.expecting([401], async () => {
      await page.getByRole('link', { name: 'Indexes' }).click();
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    });
    await enter(secret.operate);
    await page.getByRole('heading', { name: 'Indexes' }).waitFor();
  });

  await step('who may operate drains', watched, async () => {
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.getByRole('button', { name: /^Drain/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
    await page.getByText('is draining.').waitFor();
  });
  await watched.close();
}

/** Asks until there is an answer; a limit only turns a hang into a failure. */
async function eventually(asked, what) {
  const end = Date.now() + 120_000;
  for (;;) {
    const answer = await asked();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

try {
  await main();
  console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  all is well`);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await browser?.close();
  await cluster.stop();
  await rm(folder, { recursive: true, force: true });
}
