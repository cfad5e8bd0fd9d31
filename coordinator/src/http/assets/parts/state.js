// The state of a job: a sign and its word.

import { h, setChildren } from '../dom.js';
import { t } from '../text.js';
import { sign } from './sign.js';

const SIGNS = { published: 'good', failed: 'bad', cancelled: 'stopped', waiting: 'waits' };

/** @returns {{el: Element, update: (state: string) => void}} */
export function stateBadge(state) {
  const el = h('span', { class: 'state' });
  let shown = null;
  const update = (next) => {
    if (next === shown) return;
    shown = next;
    const kind = SIGNS[next] ?? 'busy';
    el.className = `state ${kind}`;
    setChildren(el, sign(kind), h('span', null, t(`state.${next}`)));
  };
  update(state);
  return { el, update };
}
