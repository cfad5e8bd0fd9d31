// Text of strangers.

import assert from 'node:assert/strict';
import { HOSTILE } from './corpus.mjs';
import { BOTH, submit, until } from './stage.mjs';

/** Text that means harm is shown and does none. */
export async function harm(stage, coordinator) {
  const watched = await stage.open(coordinator);
  const { page } = watched;
  const worker = await stage.cluster.worker(coordinator);
  const look = (name) => watched.inspect(name, stage.pictures);
  const shown = HOSTILE.replaceAll('\u202e', '⟨U+202E⟩')
    .replaceAll('\u202c', '⟨U+202C⟩')
    .replaceAll('\u001b', '⟨U+001B⟩')
    .replaceAll('\u200b', '⟨U+200B⟩');
  let job = '';
  const unharmed = async () => assert.equal(await page.evaluate(() => globalThis.harmed), undefined);

  await stage.step('a name that means harm is refused, and shown as it stands', watched, async () => {
    await watched.expecting([400], async () => {
      await watched.go('#/submit');
      await page.getByLabel('Job spec').fill(stage.spec('<script>window.harmed = 3</script>', [['hostile', 'domain']]));
      await page.getByRole('button', { name: 'Submit', exact: true }).click();
      await page.locator('.problem-text').getByText('<script>window.harmed = 3</script>').waitFor();
    });
    await unharmed();
  });

  await stage.step('a reason that means harm is text', watched, async () => {
    await submit(watched, stage.spec('reason', BOTH));
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    await page.getByRole('dialog').getByLabel('Reason').fill(HOSTILE.slice(0, 200));
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
    await until(page, 'cancelled');
    await page.getByText('cancelled: <script>window.harmed = 1</script>').waitFor();
    await look('harm-job');
    await unharmed();
  });

  await stage.step('a job over texts that mean harm', watched, async () => {
    job = await submit(watched, stage.spec('harm', [['hostile', 'domain']]));
    await until(page, 'published');
  });

  await stage.step('its samples, drops and duplicates are text', watched, async () => {
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

  await stage.step('a word of a million letters leaves the page usable', watched, async () => {
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
