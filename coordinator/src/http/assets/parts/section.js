// A part of a page under a heading.

import { h } from '../dom.js';

/**
 * @param {string} id unique within the page
 * @param {string} title
 * @param {string | null} lead what it is about, in a sentence or two
 * @param {...unknown} body
 */
export function section(id, title, lead, ...body) {
  return h(
    'section',
    { 'aria-labelledby': `h-${id}` },
    h('h2', { id: `h-${id}` }, title),
    lead && h('p', { class: 'lead' }, lead),
    body,
  );
}

/** What is said in the place of something that is not there yet. */
export function empty(words) {
  return h('p', { class: 'empty' }, words);
}
