// The page as it stands in the sources, in front of a coordinator: what is changed is seen without a build. Everything else, and
// the policy that the page must keep, is the coordinator's.

import { readFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import { once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ASSETS } from './assets.mjs';

const KINDS = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * @param {string} url of the coordinator
 * @returns {Promise<{url: string, stop: () => void}>}
 */
export async function serveSources(url, port = 0) {
  const policy = (await fetch(url)).headers.get('content-security-policy');
  const server = createServer(async (asked, answer) => {
    const { pathname } = new URL(asked.url, url);
    const name = pathname === '/' ? 'index.html' : /^\/assets\/([\w./-]+)$/.exec(pathname)?.[1];
    const file = name && !name.includes('..') ? await readFile(new URL(name, ASSETS)).catch(() => null) : null;
    if (file) {
      answer.writeHead(200, {
        'content-type': KINDS[extname(name)] ?? 'application/octet-stream',
        'content-security-policy': policy,
        'cache-control': 'no-cache',
      });
      answer.end(file);
      return;
    }
    const passed = request(new URL(asked.url, url), {
      method: asked.method,
      headers: { ...asked.headers, host: new URL(url).host },
    });
    passed.on('response', (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
      response.on('error', () => answer.destroy());
    });
    passed.on('error', () => answer.destroy());
    answer.on('close', () => passed.destroy());
    asked.pipe(passed);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [url] = process.argv.slice(2);
  if (!url) {
    console.error('error: the address of a coordinator is missing\nhint: node proxy.mjs http://127.0.0.1:7172');
    process.exit(2);
  }
  console.log((await serveSources(url)).url);
}
