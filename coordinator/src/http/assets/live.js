// What the coordinator tells by itself. A page has one stream at a time; a page that nobody sees has none, since a browser
// opens few connections to one server.

import * as api from './api.js';

/** The first pause before a stream is opened again, and the longest one. */
const [SHORTEST_MS, LONGEST_MS] = [500, 10_000];
/** How long a page is not seen before its stream is closed. */
const UNSEEN_MS = 20_000;

/**
 * `interrupted`: the coordinator answers, but gives no stream.
 * @typedef {'connecting' | 'live' | 'away' | 'interrupted'} Connection
 */

export class Live {
  /** @param {(state: Connection, sinceMs: number) => void} onState */
  constructor(onState) {
    this.onState = onState;
    /** @type {Connection} */
    this.state = 'connecting';
    this.source = null;
    this.wanted = null;
    this.pause = SHORTEST_MS;
    this.timer = 0;
    this.unseen = 0;
    this.opening = 0;
    this.heardMs = Date.now();
    document.addEventListener('visibilitychange', () => this.seen(!document.hidden));
  }

  /**
   * Listens to one stream instead of the former one.
   * @param {string[]} parts of its path
   * @param {Record<string, (data: any) => void>} handlers by event
   * @param {{isOver?: () => boolean, whenOver?: () => void}} end whether a stream that ends has told everything, and what
   *   then follows
   */
  listen(parts, handlers, { isOver = () => false, whenOver = () => {} } = {}) {
    this.close();
    this.wanted = { parts, handlers, isOver, whenOver };
    this.pause = SHORTEST_MS;
    this.open();
  }

  /** Listens to nothing. */
  stop() {
    this.close();
    this.wanted = null;
  }

  /** Tries at once, if it waits. */
  retry() {
    if (this.wanted && !this.source) this.open();
  }

  open() {
    clearTimeout(this.timer);
    const wanted = this.wanted;
    if (!wanted || (document.hidden && this.unseen < 0)) return;
    const opening = ++this.opening;
    const source = new EventSource(api.url(wanted.parts));
    this.source = source;
    source.onopen = () => this.told('live');
    source.onerror = () => {
      if (opening === this.opening) this.lost(wanted);
    };
    for (const [event, handler] of Object.entries(wanted.handlers)) {
      source.addEventListener(event, (message) => {
        if (opening !== this.opening) return;
        this.pause = SHORTEST_MS;
        this.told('live');
        handler(JSON.parse(message.data));
      });
    }
  }

  async lost(wanted) {
    this.close();
    if (wanted.isOver()) {
      wanted.whenOver();
      return;
    }
    const pause = this.pause;
    this.pause = Math.min(LONGEST_MS, 2 * this.pause);
    const opening = this.opening;
    // A stream does not say why it ended: a call does.
    const status = await api.me().then(
      () => 200,
      (error) => error.status,
    );
    if (opening !== this.opening || wanted !== this.wanted || status === 401) return;
    this.told(status === 0 ? 'away' : 'interrupted');
    this.timer = setTimeout(() => this.open(), pause * (0.75 + Math.random() / 2));
  }

  close() {
    clearTimeout(this.timer);
    this.opening++;
    this.source?.close();
    this.source = null;
  }

  /** @param {Connection} state */
  told(state) {
    this.state = state;
    if (state === 'live') this.heardMs = Date.now();
    this.onState(state, this.heardMs);
  }

  seen(isSeen) {
    clearTimeout(this.unseen);
    this.unseen = 0;
    if (isSeen) {
      this.pause = SHORTEST_MS;
      this.retry();
      return;
    }
    this.unseen = setTimeout(() => {
      this.close();
      this.unseen = -1;
    }, UNSEEN_MS);
  }
}
