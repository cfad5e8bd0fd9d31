// A document as its input holds it.

import * as api from '../api.js';
import { h, setChildren } from '../dom.js';
import * as format from '../format.js';
import { t } from '../text.js';
import { problemText } from './dialog.js';

/** Code units that are shown at first. */
const SHOWN = 6_000;

/** The text, its start at first. */
export function longText(text, shown = SHOWN) {
  const body = h('div', { class: 'text', dir: 'auto' });
  const show = (most) => {
    const isWhole = text.length <= most;
    setChildren(
      body,
      text === '' ? h('span', { class: 'soft' }, t('document.empty')) : text.slice(0, most),
      !isWhole && h('button', { type: 'button', class: 'fold', on: { click: () => show(most * 8) } }, t('document.more')),
    );
  };
  show(shown);
  return body;
}

/**
 * Reads a document when it is opened.
 * @param {string} jobId
 * @param {{uri?: string, offset?: number, source?: string, document_id?: string}} where
 */
export function readable(jobId, where, words = t('document.read')) {
  const body = h('div', { 'aria-live': 'polite' });
  const el = h('details', { class: 'document' }, h('summary', null, words), body);
  let isRead = false;
  el.addEventListener('toggle', async () => {
    if (!el.open || isRead) return;
    isRead = true;
    setChildren(body, h('p', { class: 'soft' }, t('loading')));
    try {
      const found = await api.get(['jobs', jobId, 'document'], where);
      setChildren(body, documentFacts(found), longText(found.text));
    } catch (error) {
      isRead = false;
      setChildren(body, h('p', { class: 'problem' }, problemText(error)));
    }
  });
  return el;
}

/** Where a document stands, and what is said about its text. */
export function documentFacts(found) {
  const extra = found.extra_json && found.extra_json !== '{}' ? found.extra_json : null;
  return h(
    'div',
    { class: 'document-facts' },
    h('p', { class: 'from' }, h('code', null, found.uri), ` ${t('document.at', { offset: format.count(found.offset) })}`),
    found.cut && h('p', { class: 'from' }, t('document.cut')),
    extra && h('details', null, h('summary', null, t('document.extra')), h('code', { class: 'extra' }, extra.slice(0, SHOWN))),
  );
}
