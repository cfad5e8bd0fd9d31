// Coordinators and workers as processes of their own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { serveSources } from './proxy.mjs';

/** Turns a hang into a failure. */
const PATIENCE_MS = 60_000;

/** A running command of tamis. */
class Process {
  constructor(child, hello) {
    this.child = child;
    this.hello = hello;
    this.ended = once(child, 'exit');
  }

  /** Asks it to end and waits until it has. */
  async stop(signal = 'SIGTERM') {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    this.child.kill(signal);
    await within(this.ended, 'a process ends');
  }
}

/** Fails if a promise takes too long. */
export async function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`in vain: ${what}`)), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export class Cluster {
  /**
   * @param {string} binary the command `tamis`
   * @param {boolean} hasSources whether the page comes from the sources, not from the binary
   */
  constructor(binary, hasSources = false) {
    this.binary = binary;
    this.hasSources = hasSources;
    this.processes = [];
    this.proxies = [];
  }

  /** Starts a command that says where it is in its first line of JSON. */
  async start(args, env = {}) {
    const child = spawn(this.binary, [...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    const said = [];
    createInterface({ input: child.stderr }).on('line', (line) => said.push(line));
    const lines = createInterface({ input: child.stdout });
    const hello = await within(
      Promise.race([
        once(lines, 'line').then(([line]) => JSON.parse(line)),
        once(child, 'exit').then(([code]) => {
          throw new Error(`tamis ${args.join(' ')} ended with ${code}:\n${said.join('\n')}`);
        }),
      ]),
      `tamis ${args[0]} starts`,
    );
    const started = new Process(child, hello);
    this.processes.push(started);
    return started;
  }

  /**
   * @param {string} data its folder
   * @param {string} root what its jobs may read and write
   * @returns {Promise<Process & {url: string, grpc: string}>} with the address of its page and that for workers
   */
  async coordinator(data, root, { listen = '127.0.0.1:0', http = '127.0.0.1:0', more = [] } = {}) {
    const made = await this.start([
      'coordinator',
      '--listen',
      listen,
      '--http',
      http,
      '--data-dir',
      data,
      '--allow-write',
      root,
      ...more,
    ]);
    let url = made.hello.http.replace(/\/$/, '');
    if (this.hasSources && http.endsWith(':0')) {
      const proxy = await serveSources(url);
      this.proxies.push(proxy);
      url = proxy.url;
    }
    return Object.assign(made, { url, grpc: `http://${made.hello.listen}` });
  }

  worker(coordinator, slots = 1, env = {}) {
    return this.start(['worker', '--coordinator', coordinator.grpc, '--slots', String(slots), '--wait'], env);
  }

  /** Runs a command to its end. */
  async run(args) {
    const child = spawn(this.binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (data) => (said += data));
    const [code] = await within(once(child, 'close'), `tamis ${args.join(' ')} ends`);
    if (code !== 0) throw new Error(`tamis ${args.join(' ')} ended with ${code}:\n${said}`);
  }

  async stop() {
    // Workers first: without a coordinator they would wait for it.
    for (const one of this.processes.reverse()) await one.stop('SIGKILL');
    for (const proxy of this.proxies) proxy.stop();
  }
}
