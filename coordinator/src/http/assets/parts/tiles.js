// A row of figures, each with what it counts.

import { h, setChildren, setText } from '../dom.js';

/**
 * @param {{id: string, label: string, extra?: Element, href?: string}[]} facts
 */
export function tiles(facts) {
  const values = new Map();
  const details = new Map();
  const el = h(
    'ul',
    { class: 'tiles' },
    facts.map(({ id, label, extra }) => {
      values.set(id, h('b'));
      details.set(id, h('small'));
      return h('li', null, values.get(id), h('span', null, label), details.get(id), extra);
    }),
  );
  return {
    el,
    /** @param {unknown} detail words under the label */
    set(id, value, detail = '') {
      setText(values.get(id), value);
      if (typeof detail === 'string') setText(details.get(id), detail);
      else setChildren(details.get(id), detail);
    },
  };
}
