// What the parts of the story have in common: where they play, and what they say.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from './cluster.mjs';
import { Watched, launch } from './browser.mjs';

const began = performance.now();

/** Says how far the story is. */
export function say(words) {
  console.log(`${((performance.now() - began) / 1000).toFixed(1).padStart(6)} s  ${words}`);
}

/** A folder, a cluster in it, and a browser before it. */
export class Stage {
  /** @param {{binary: string, hasSources: boolean, pictures: string | null}} facts */
  static async build({ binary, hasSources, pictures }) {
    const folder = await mkdtemp(join(tmpdir(), 'tamis-dashboard-'));
    return Object.assign(new Stage(), { folder, pictures, cluster: new Cluster(binary, hasSources), browser: await launch() });
  }

  open(coordinator) {
    return Watched.open(this.browser, coordinator.url);
  }

  /** A step of the story: what went wrong in the browser fails it. */
  async step(words, watched, run) {
    say(words);
    try {
      await run();
      watched.check();
    } catch (error) {
      if (this.pictures) await watched.page.screenshot({ path: join(this.pictures, 'failure.png') }).catch(() => {});
      throw new Error([words, ...watched.wrong].join('\n'), { cause: error });
    }
  }

  /** Ends and removes everything. */
  async strike() {
    await this.browser.close();
    await this.cluster.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** A spec over sources of this folder, each a name and a role. */
  spec(name, sources) {
    const source = ([source, role]) =>
      `[[source]]\nname = "${source}"\nrole = "${role}"\ninputs = ["${this.folder}/${source}/"]\n`;
    return `name = ${JSON.stringify(name)}

[tokenizer]
path = "${this.folder}/tokenizer.json"

${sources.map(source).join('\n')}
[filter.length]
min_chars = 50

[dedup]
index = "default"

[output]
uri = "${this.folder}/out-${name.replace(/[^a-z0-9]/g, '')}"

[run]
shard_bytes = "1MiB"
max_bad_share = 0.5
`;
  }
}

/** Both sources of the corpus. */
export const BOTH = [
  ['reports', 'domain'],
  ['web', 'general'],
];

/** What the coordinator says, past the page. */
export async function ask(watched, path) {
  const response = await watched.page.request.get(`${watched.origin}/api/v1/${path}`);
  assert.equal(response.status(), 200, path);
  return response.json();
}

/** Submits a spec through the page and gives the job's id. */
export async function submit(watched, text) {
  const { page } = watched;
  await watched.go('#/submit');
  await page.getByLabel('Job spec').fill(text);
  await page.getByRole('button', { name: 'Submit', exact: true }).click();
  await page.waitForURL(/#\/jobs\/j-/);
  return /#\/jobs\/([^/]+)/.exec(page.url())[1];
}

/** Waits until the job on the page is in a state. */
export function until(page, state) {
  return page.locator('.job-title .state').getByText(state, { exact: true }).waitFor({ timeout: 300_000 });
}

/** Asks until there is an answer; a limit only turns a hang into a failure. */
export async function eventually(asked, what) {
  const end = Date.now() + 120_000;
  for (;;) {
    const answer = await asked();
    if (answer) return answer;
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}
