// A page without its coordinator.

import assert from 'node:assert/strict';
import { join } from 'node:path';

/** The coordinator goes and comes back. */
export async function absence(stage, coordinator) {
  const watched = await stage.open(coordinator);
  const { page } = watched;
  await stage.step('a coordinator that goes is missed, and one that comes back is found', watched, async () => {
    await watched.go('#/jobs');
    await page.locator('.live').getByText('live', { exact: true }).waitFor();
    const jobs = await page.locator('.jobs tbody tr').count();
    await watched.expecting(['away'], async () => {
      await coordinator.stop('SIGKILL');
      await page.getByText('The coordinator does not answer.').waitFor();
      await watched.inspect('away', stage.pictures);
      assert.equal(await page.locator('.jobs tbody tr').count(), jobs, 'what was known stays');
      const again = await stage.cluster.coordinator(join(stage.folder, 'data'), stage.folder, {
        listen: coordinator.hello.listen,
        http: new URL(coordinator.hello.http).host,
      });
      await page.locator('.live').getByText('live', { exact: true }).waitFor();
      await page.getByText('The coordinator does not answer.').waitFor({ state: 'detached' });
      await again.stop();
      await page.getByText('The coordinator does not answer.').waitFor();
      await page.goto('about:blank');
    });
  });
  await watched.close();
}
