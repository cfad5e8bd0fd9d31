// A browser that notices what should not happen: errors, dialogs, requests to others, violations of the policy.

import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
export const WIDTHS = [390, 820, 1440];
export const THEMES = ['light', 'dark'];

/** Chromium of the machine. */
function executable() {
  return process.env.TAMIS_TEST_CHROMIUM ?? execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim();
}

export async function launch() {
  // Root has no sandbox of its own; elsewhere it stays.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath: executable(), args });
}

/** A page with what watches it. */
export class Watched {
  constructor(page, origin) {
    this.page = page;
    this.origin = origin;
    /** What went wrong. */
    this.wrong = [];
    /** Statuses of answers that are expected to fail now; `away`: nobody answers. */
    this.expected = new Set();
  }

  static async open(browser, origin, { locale = 'en-GB', width = 1440 } = {}) {
    const context = await browser.newContext({ locale, viewport: { width, height: 900 }, acceptDownloads: true });
    await context.addInitScript(AXE);
    await context.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) =>
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`),
      );
    });
    const watched = new Watched(await context.newPage(), origin);
    context.on('page', (page) => watched.watch(page));
    watched.watch(watched.page);
    context.setDefaultTimeout(60_000);
    return watched;
  }

  watch(page) {
    page.on('console', (message) => {
      if (message.type() === 'error' && !this.isExpected(message.text()))
        this.wrong.push(`console: ${message.text()} (${message.location().url})`);
    });
    page.on('pageerror', (error) => this.wrong.push(`error: ${error.stack}`));
    page.on('dialog', (dialog) => {
      this.wrong.push(`dialog: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    page.on('request', (request) => {
      const { origin, protocol } = new URL(request.url());
      if (origin !== this.origin && protocol !== 'data:' && protocol !== 'about:') this.wrong.push(`request to ${request.url()}`);
    });
  }

  /** The browser writes every failed answer into its console: those that belong to a step are no error. */
  isExpected(text) {
    const [, status] = /Failed to load resource: the server responded with a status of (\d+)/.exec(text) ?? [];
    if (status) return this.expected.has(Number(status));
    return this.expected.has('away') && /net::ERR_(CONNECTION|EMPTY|INCOMPLETE|NETWORK)/.test(text);
  }

  /** Runs a step in which answers may fail with these statuses. */
  async expecting(statuses, run) {
    statuses.forEach((status) => this.expected.add(status));
    try {
      return await run();
    } finally {
      // What the browser still has to say about it comes before the answer to this.
      await this.page.evaluate(() => 0);
      statuses.forEach((status) => this.expected.delete(status));
    }
  }

  async go(hash) {
    await this.page.goto(`${this.origin}/${hash}`);
    await this.page.locator('h1').first().waitFor();
  }

  /** Fails for what went wrong so far. */
  check() {
    const harmed = this.wrong.splice(0);
    if (harmed.length > 0) throw new Error(harmed.join('\n'));
  }

  /**
   * Looks at a page as it is now: axe in both themes, at a wide and a narrow width; nothing may be wider than the page. With
   * a folder, pictures are left there.
   */
  async inspect(name, folder) {
    const { page } = this;
    const findings = [];
    for (const theme of THEMES) {
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      for (const width of [...WIDTHS, 360]) {
        await page.setViewportSize({ width, height: 900 });
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (over > 0) findings.push(`${name} at ${width} px: ${over} px wider than the page`);
        if (folder && width !== 360)
          await page.screenshot({ path: join(folder, `${name}-${width}-${theme}.png`), fullPage: true });
        if (width !== 1440 && width !== 390) continue;
        const { violations } = await page.evaluate(
          (rules) => globalThis.axe.run(document, { runOnly: { type: 'tag', values: rules }, resultTypes: ['violations'] }),
          RULES,
        );
        for (const one of violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')) {
          findings.push(
            `${name} at ${width} px, ${theme}: ${one.id} (${one.impact}): ${one.nodes
              .slice(0, 3)
              .map((node) => `${node.html} ${node.any.map((why) => why.message).join('; ')}`)
              .join(' | ')}`,
          );
        }
      }
    }
    await page.emulateMedia({ colorScheme: null, reducedMotion: null });
    await page.setViewportSize({ width: 1440, height: 900 });
    if (findings.length > 0) throw new Error(findings.join('\n'));
  }

  close() {
    return this.page.context().close();
  }
}
