// Short messages at the edge of the page, read out once.

import { h } from '../dom.js';
import { t } from '../text.js';
import { problemText } from './dialog.js';

const SHOWN_MS = 6_000;
const place = h('div', { class: 'notes', role: 'status', 'aria-live': 'polite' });

/** Where messages appear; stands in the page from the start, so that screen readers watch it. */
export function notes() {
  return place;
}

/** Something was done. */
export function note(text) {
  show(h('div', { class: 'note good' }, h('p', null, text)), SHOWN_MS);
}

/** Something went wrong; it stays until it is closed. */
export function problem(error) {
  if (error.name === 'AbortError') return;
  show(h('div', { class: 'note bad' }, h('p', null, problemText(error))), 0);
}

function show(el, forMs) {
  const close = h('button', { type: 'button', class: 'icon', 'aria-label': t('close'), on: { click: () => el.remove() } }, '×');
  el.append(close);
  place.append(el);
  while (place.children.length > 4) place.firstElementChild.remove();
  if (forMs) setTimeout(() => el.remove(), forMs);
}
