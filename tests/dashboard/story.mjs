// A job from its submission to its entry in the index, and what is done with jobs, workers and indexes on the way.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { within } from './cluster.mjs';
import { BOTH, ask, eventually, submit, until } from './stage.mjs';

export async function story(stage, coordinator) {
  const watched = await stage.open(coordinator);
  const { page } = watched;
  const look = (name) => watched.inspect(name, stage.pictures);

  await stage.step('without jobs and workers the pages say what to do', watched, async () => {
    await watched.go('');
    await page.getByText('There are no jobs yet').waitFor();
    await look('jobs-empty');
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.getByText('No worker is there').waitFor();
    await page.getByRole('link', { name: 'Indexes' }).click();
    await page.getByText('There is no index yet').waitFor();
  });

  await stage.step('a wrong spec is refused with what is wrong', watched, async () => {
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
  await stage.step('a job is submitted, and waits for a worker', watched, async () => {
    watchedJob = await submit(watched, stage.spec('watched', BOTH));
    await until(page, 'scanning');
    await page.getByText('waits for a worker').waitFor();
  });

  const worker = await stage.cluster.worker(coordinator);
  await stage.step('its bars move while it is read', watched, async () => {
    const bar = page.getByRole('progressbar', { name: 'Scan' });
    const percent = async () => Number(await bar.getAttribute('aria-valuenow'));
    const first = await eventually(async () => ((await percent()) > 0 ? percent() : null), 'the bar of the scan begins');
    assert.ok(first < 100, 'the scan was over before it was seen: a larger corpus is needed');
    await eventually(async () => (await percent()) > first, 'the bar moves');
    await page.locator('.step-row[data-standing="now"] .speed').getByText('/s').waitFor();
  });

  await stage.step('its funnel fills', watched, async () => {
    const read = page.locator('.waterfall tbody tr').first();
    await eventually(
      async () => ((await read.locator('.bar i').first().getAttribute('style')) ?? '') !== '',
      'the funnel begins',
    );
    await page.getByText(/^So far .* of about/).waitFor();
    await look('job-running');
  });

  await stage.step('live figures leave focus and selection where they are', watched, async () => {
    await watched.go('#/jobs');
    const link = page.getByRole('link', { name: 'watched' });
    await link.focus();
    const before = await page.locator('.jobs .progress .soft').first().textContent();
    await eventually(
      async () => (await page.locator('.jobs .progress .soft').first().textContent()) !== before,
      'the row changes',
    );
    assert.equal(await link.evaluate((element) => document.activeElement === element), true);
    await look('jobs-running');
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.locator('.attempts li').first().waitFor();
    await look('workers');
  });

  await stage.step('shards are looked at by keys', watched, async () => {
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
  await stage.step('a second job is cancelled with a reason, after a second thought', watched, async () => {
    second = await submit(watched, stage.spec('second', [BOTH[0]]));
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
    await dialog.getByRole('button', { name: 'Cancel the job' }).click();
    await until(page, 'cancelled');
    await page.getByText('cancelled: the wrong folder').waitFor();
    assert.equal((await ask(watched, `jobs/${second}`)).state, 'cancelled');
  });

  await stage.step('the first job is published while it is watched', watched, async () => {
    await watched.go(`#/jobs/${watchedJob}`);
    await until(page, 'published');
    await page.locator('.verdict').getByText('Not ready to train.').waitFor();
    const figures = await ask(watched, `jobs/${watchedJob}/figures`);
    const grouped = new Intl.NumberFormat('en-GB');
    const cells = page.locator('.waterfall tbody tr td:nth-child(3)');
    await eventually(
      async () => (await cells.last().textContent()) === grouped.format(figures.funnel.at(-1).documents),
      'the funnel is final',
    );
    assert.deepEqual(
      await cells.allTextContents(),
      figures.funnel.map((stage) => grouped.format(stage.documents)),
    );
    await look('job-published');
  });

  await stage.step('a drop has samples, a list, and its text', watched, async () => {
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

  await stage.step('a pair of near copies is shown side by side with what differs', watched, async () => {
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

  await stage.step('readiness, tokens, files, spec and a document', watched, async () => {
    await watched.go(`#/jobs/${watchedJob}/readiness`);
    await page.locator('.gate').first().waitFor();
    const { readiness } = await ask(watched, `jobs/${watchedJob}/report`);
    assert.equal(await page.locator('.gate').count(), readiness.gates.length);
    await look('readiness');
    const [report] = await Promise.all([
      page.context().waitForEvent('page'),
      page.getByRole('link', { name: 'The whole report' }).click(),
    ]);
    await report.getByRole('heading', { name: 'Checks before training' }).waitFor();
    assert.notEqual(
      await report.locator('body').evaluate((body) => getComputedStyle(body).maxWidth),
      'none',
      'the report has its style',
    );
    await report.close();

    await page.getByRole('link', { name: 'Tokens', exact: true }).click();
    const { tokens } = await ask(watched, `jobs/${watchedJob}/report`);
    await page.locator('.tiles').getByText(new Intl.NumberFormat('en-GB').format(tokens.total)).waitFor();
    await look('tokens');

    await page.getByRole('link', { name: 'Files' }).click();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'manifest.json' }).click(),
    ]);
    const files = (await ask(watched, `jobs/${watchedJob}/output`)).files;
    const data = await readFile(await download.path());
    assert.equal(data.length, files.find((file) => file.path === 'manifest.json').bytes);
    const part = files.find((file) => file.path.startsWith('text/'));
    const fetched = await page.request.get(`${watched.origin}/api/v1/jobs/${watchedJob}/output/${part.path}`);
    assert.equal(
      createHash('sha256')
        .update(await fetched.body())
        .digest('hex'),
      part.sha256,
    );
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

  await stage.step('the cancelled job is retried and published', watched, async () => {
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

  await stage.step('lists are filtered, in both languages and themes', watched, async () => {
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

  await stage.step('the index shows both jobs and forgets one', watched, async () => {
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

  await stage.step('a worker is drained and leaves', watched, async () => {
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.getByRole('button', { name: /^Drain/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
    await page.getByText('is draining.').waitFor();
    await within(worker.ended, 'the drained worker ends');
    // The coordinator lists it for some time yet.
    await page.locator('.workers .tag').getByText('draining').waitFor();
  });

  await stage.step('keys alone lead through the page', watched, async () => {
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
