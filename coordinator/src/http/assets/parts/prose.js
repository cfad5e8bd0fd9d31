// Sentences in which commands and keys stand between backticks.

import { h } from '../dom.js';

/**
 * The sentence as nodes: what stands between backticks is code.
 * @param {string} text
 */
export function prose(text) {
  return text.split(/`([^`\n]{1,300})`/).map((piece, place) => (place % 2 === 1 ? h('code', null, piece) : piece));
}
