// Who may do what.

import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BOTH, submit } from './stage.mjs';

/** With tokens each sees what the role allows. */
export async function roles(stage) {
  const home = join(stage.folder, 'roles');
  await mkdir(join(home, 'data'), { recursive: true });
  const tokens = join(home, 'tokens');
  const secret = {};
  for (const role of ['read', 'submit', 'operate', 'worker']) {
    const file = join(home, `${role}.token`);
    await stage.cluster.run(['token', 'new', '--role', role, '--name', `${role}-name`, '--tokens', tokens, '--out', file]);
    secret[role] = (await readFile(file, 'utf8')).trim();
  }
  // The corpus stands in the folder above; its data is of the other coordinator.
  const coordinator = await stage.cluster.coordinator(join(home, 'data'), stage.folder, { more: ['--tokens', tokens] });
  const { url } = coordinator;
  await stage.cluster.worker(coordinator, 1, { TAMIS_TOKEN: secret.worker });
  const watched = await stage.open(coordinator);
  const { page } = watched;
  const enter = async (token) => {
    await page.getByLabel('Token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
  };

  await stage.step('without a token there is a door', watched, async () => {
    await watched.expecting([401], async () => {
      await watched.go('#/workers');
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await watched.inspect('sign-in', stage.pictures);
      await enter('tamis_wrong');
      await page.getByText('does not know this token').waitFor();
    });
    await enter(secret.read);
    await page.getByRole('heading', { name: 'Workers' }).waitFor();
    assert.equal(await page.evaluate(() => document.cookie), '', 'no script reads the token');
  });

  await stage.step('a reader is offered nothing that changes anything', watched, async () => {
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
  await stage.step('who may submit cancels, but does not drain', watched, async () => {
    await enter(secret.submit);
    await page.getByText('submit-name').waitFor();
    job = await submit(watched, stage.spec('roles', BOTH));
    await page.getByRole('button', { name: 'Cancel', exact: true }).waitFor();
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.locator('.workers tbody tr').first().waitFor();
    assert.equal(await page.getByRole('button', { name: /^Drain/ }).count(), 0);
  });

  await stage.step('a role that went is told where it is missed', watched, async () => {
    await watched.go(`#/jobs/${job}`);
    await page.getByRole('button', { name: 'Cancel', exact: true }).click();
    // The token changes behind the page.
    await page.request.post(`${url}/api/v1/session`, { headers: { 'x-tamis': '1' }, data: { token: secret.read } });
    await watched.expecting([403], async () => {
      await page.getByRole('dialog').getByRole('button', { name: 'Cancel the job' }).click();
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

  await stage.step('who may operate drains', watched, async () => {
    await page.getByRole('link', { name: 'Workers' }).click();
    await page.getByRole('button', { name: /^Drain/ }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Drain' }).click();
    await page.getByText('is draining.').waitFor();
  });
  await watched.close();
}
