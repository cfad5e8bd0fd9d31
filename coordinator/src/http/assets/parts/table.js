// Tables. They scroll within their own frame where they are wider than the page.

import { h } from '../dom.js';

/**
 * @typedef {{text: unknown, kind?: 'number' | 'plot', minor?: boolean, hidden?: boolean}} Head `minor`: left out on narrow
 *   screens; `hidden`: for screen readers only
 * @param {string} caption for screen readers: a heading or a sentence above says it to all
 * @param {Head[]} heads
 * @param {string} kind classes of the table: `stack` lays its rows out as blocks on narrow screens
 */
export function table(caption, heads, kind = 'stack') {
  // The roles stay where the style sheet lays rows out as blocks.
  const body = h('tbody', { role: 'rowgroup' });
  const el = h(
    'div',
    { class: `wide ${kind}`, role: 'group', tabindex: 0, 'aria-label': caption },
    h(
      'table',
      { role: 'table' },
      h('caption', { class: 'unseen' }, caption),
      h('thead', null, h('tr', null, heads.map(headCell))),
      body,
    ),
  );
  return { el, body };
}

function headCell(head) {
  return h('th', { scope: 'col', class: classOf(head) }, head.hidden ? h('span', { class: 'unseen' }, head.text) : head.text);
}

function classOf({ kind, minor }) {
  const kinds = [kind === 'number' && 'n', kind === 'plot' && 'p', minor && 'minor'].filter(Boolean);
  return kinds.length > 0 ? kinds.join(' ') : null;
}

/**
 * A cell of a column; the first of a row is its head.
 * @param {Head[]} heads of the table
 * @param {number} place of the column
 */
export function cell(heads, place, ...children) {
  const head = heads[place];
  if (place === 0) return h('th', { scope: 'row', role: 'rowheader', class: classOf(head) }, children);
  const label = head.hidden || typeof head.text !== 'string' ? null : head.text;
  return h('td', { role: 'cell', class: classOf(head), 'data-label': label }, children);
}

/** A row of ready cells. */
export function rowOf(...cells) {
  return h('tr', { role: 'row' }, cells);
}

/**
 * A row with something in each of its cells.
 * @param {Head[]} heads of the table
 * @param {unknown[]} cells
 */
export function row(heads, cells) {
  return rowOf(cells.map((content, place) => cell(heads, place, content)));
}
