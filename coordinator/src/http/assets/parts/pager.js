// Pages of a list whose next page is known by a token only.

import { attribute, h, setText } from '../dom.js';
import { t } from '../text.js';

/**
 * @param {(token: string) => void} onTurn
 */
export function pager(onTurn) {
  // The tokens of the pages up to this one.
  let tokens = [''];
  let next = '';
  const turn = () => onTurn(tokens.at(-1));
  const back = () => {
    if (tokens.length === 1) return;
    tokens.pop();
    turn();
  };
  const on = () => {
    if (!next) return;
    tokens.push(next);
    turn();
  };
  const former = h('button', { type: 'button', class: 'quiet', on: { click: back } }, t('page.former'));
  const later = h('button', { type: 'button', class: 'quiet', on: { click: on } }, t('page.next'));
  const words = h('span', { class: 'soft', 'aria-live': 'polite' });
  const el = h('nav', { class: 'pager', 'aria-label': t('page.nav') }, former, words, later);
  el.hidden = true;
  return {
    el,
    /** The page on which the reader is. */
    token: () => tokens.at(-1),
    isFirst: () => tokens.length === 1,
    place: () => tokens.length - 1,
    reset() {
      tokens = [''];
      next = '';
    },
    /** @param {string} nextToken empty: this is the last page */
    update(nextToken, text) {
      next = nextToken;
      // Not `disabled`: that would throw focus away.
      attribute(former, 'aria-disabled', tokens.length === 1 ? 'true' : null);
      attribute(later, 'aria-disabled', next ? null : 'true');
      el.hidden = tokens.length === 1 && !next;
      setText(words, text);
    },
  };
}
