import assert from 'node:assert/strict';
import test, { beforeEach, mock } from 'node:test';

/** A browser as far as a stream needs it. */
class FakeSource {
  static opened = [];

  constructor(url) {
    Object.assign(this, { url, handlers: {}, isClosed: false });
    FakeSource.opened.push(this);
  }

  addEventListener(event, handler) {
    this.handlers[event] = handler;
  }

  close() {
    this.isClosed = true;
  }

  tell(event, data) {
    this.handlers[event]({ data: JSON.stringify(data) });
  }
}

const page = Object.assign(new EventTarget(), { hidden: false });
globalThis.document = page;
globalThis.EventSource = FakeSource;
mock.timers.enable({ apis: ['setTimeout', 'Date'] });
const { Live } = await import('../../coordinator/src/http/assets/live.js');

let status = 200;
let states = [];
globalThis.fetch = async () => {
  if (status === 0) throw new TypeError('nobody');
  return new Response('{"error":{"class":"permission","message":"no"}}', { status });
};
const last = () => FakeSource.opened.at(-1);
const settled = () => new Promise((done) => setImmediate(done));

beforeEach(() => {
  status = 200;
  states = [];
  FakeSource.opened = [];
  page.hidden = false;
});

/** A stream of a page; the page is left when the test ends. */
function live(t) {
  const stream = new Live((state) => states.push(state));
  t.after(() => stream.stop());
  return stream;
}

test('what a stream tells comes to its handler, and that of a former stream does not', (t) => {
  const stream = live(t);
  const heard = [];
  stream.listen(['events'], { jobs: (jobs) => heard.push(jobs) });
  const former = last();
  former.tell('jobs', [1]);
  stream.listen(['jobs', 'a/b', 'events'], { status: (status) => heard.push(status) });
  assert.equal(former.isClosed, true);
  former.tell('jobs', [2]);
  last().tell('status', 3);
  assert.deepEqual(heard, [[1], 3]);
  assert.equal(last().url, '/api/v1/jobs/a%2Fb/events');
});

test('a coordinator that is away is asked again, more and more seldom, until it is back', async (t) => {
  const stream = live(t);
  stream.listen(['events'], {});
  status = 0;
  let pauses = 0;
  for (const longest of [700, 1_300, 2_600, 5_100]) {
    last().onerror();
    await settled();
    assert.equal(states.at(-1), 'away');
    const opened = FakeSource.opened.length;
    mock.timers.tick(Math.floor(longest / 2));
    pauses += FakeSource.opened.length - opened;
    mock.timers.tick(longest);
    assert.equal(FakeSource.opened.length, opened + 1);
  }
  assert.ok(pauses < 4, 'the pauses grow');
  status = 200;
  last().onopen();
  assert.equal(states.at(-1), 'live');
});

test('one that answers but gives no stream is told apart', async (t) => {
  const stream = live(t);
  stream.listen(['events'], {});
  last().onerror();
  await settled();
  assert.equal(states.at(-1), 'interrupted');
  stream.retry();
  assert.equal(FakeSource.opened.length, 2);
});

test('without a token nothing is asked again', async (t) => {
  const stream = live(t);
  stream.listen(['events'], {});
  status = 401;
  last().onerror();
  await settled();
  mock.timers.tick(60_000);
  assert.equal(FakeSource.opened.length, 1);
  assert.deepEqual(states, []);
});

test('a stream that has told everything is followed by what comes then', async (t) => {
  const stream = live(t);
  let isOver = false;
  stream.listen(
    ['jobs', 'j', 'events'],
    { status: () => (isOver = true) },
    { isOver: () => isOver, whenOver: () => stream.listen(['events'], {}) },
  );
  last().tell('status', {});
  last().onerror();
  await settled();
  assert.equal(last().url, '/api/v1/events');
  assert.deepEqual(states, ['live']);
});

test('a page that nobody sees gives its stream back after a while, and takes one when it is seen', (t) => {
  const stream = live(t);
  stream.listen(['events'], {});
  const first = last();
  page.hidden = true;
  page.dispatchEvent(new Event('visibilitychange'));
  mock.timers.tick(5_000);
  assert.equal(first.isClosed, false);
  mock.timers.tick(60_000);
  assert.equal(first.isClosed, true);
  page.hidden = false;
  page.dispatchEvent(new Event('visibilitychange'));
  assert.equal(FakeSource.opened.length, 2);
  assert.equal(last().isClosed, false);
});
