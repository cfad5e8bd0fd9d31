// Two texts side by side, with what differs marked. Long stretches that are the same are folded.

import { h, setChildren } from '../dom.js';
import { diff } from '../logic/diff.js';
import { t } from '../text.js';

/** Code units of equal text that stay on each side of a difference, and from which on it is worth folding the rest. */
const [AROUND, FOLD] = [240, 700];
/** Code units of changed text beyond which its half is shown at first. */
const CHANGED = 4_000;
/** Pieces that are shown at once. */
const PIECES = 1_500;

/**
 * @param {{title: unknown, text: string}} left
 * @param {{title: unknown, text: string}} right
 */
export function sideBySide(left, right) {
  const found = diff(left.text, right.text);
  const words = found.changes === 0 ? t('diff.equal') : t('diff.changes', { n: found.changes });
  const el = h(
    'div',
    { class: 'diff' },
    h('p', { class: 'diff-sum' }, words, found.coarse ? ` ${t('diff.coarse')}` : null),
    h('div', { class: 'diff-sides' }, side(left, found.a, 'gone', 'del'), side(right, found.b, 'new', 'ins')),
  );
  return { el, changes: found.changes };
}

function side({ title, text }, pieces, kind, tag) {
  const body = h('div', { class: 'text', dir: 'auto' });
  if (text === '') setChildren(body, h('p', { class: 'soft' }, t('document.empty')));
  else show(body, pieces, kind, tag, PIECES);
  return h('section', { class: `side ${kind}` }, h('h3', null, title), body);
}

function show(body, pieces, kind, tag, most) {
  const nodes = pieces.slice(0, most).map((piece, place) => {
    if (piece.changed) return h(tag, { class: `mark ${kind}` }, cut(piece.text));
    return folded(piece.text, place === 0, place === pieces.length - 1);
  });
  if (pieces.length > most) {
    const more = () => show(body, pieces, kind, tag, most * 4);
    nodes.push(h('button', { type: 'button', class: 'quiet', on: { click: more } }, t('document.more')));
  }
  setChildren(body, nodes);
}

/** Changed text: its start, and a button for the rest. */
function cut(text) {
  if (text.length <= CHANGED) return text;
  const start = text.slice(0, whole(text, CHANGED / 2));
  const rest = text.slice(start.length);
  return [start, opener(t('diff.rest', { n: rest.length }), rest)];
}

/** A button in the place of a text. */
function opener(words, text) {
  const open = () => {
    const opened = h('span', { tabindex: -1 }, text);
    button.replaceWith(opened);
    opened.focus();
  };
  const button = h('button', { type: 'button', class: 'fold', on: { click: open } }, words);
  return button;
}

/** Equal text: its ends, and a button for what lies between. */
function folded(text, isFirst, isLast) {
  if (text.length <= FOLD) return text;
  const head = isFirst ? '' : text.slice(0, whole(text, AROUND));
  const tail = isLast ? '' : text.slice(whole(text, text.length - AROUND));
  // Two texts without a difference are told by their start.
  const start = isFirst && isLast ? text.slice(0, whole(text, 2 * AROUND)) : head;
  const between = text.slice(start.length, text.length - tail.length);
  return [start, opener(t('diff.same', { n: between.length }), between), tail];
}

/** A place at which no pair of surrogates is cut. */
function whole(text, place) {
  const code = text.charCodeAt(place);
  return code >= 0xdc00 && code <= 0xdfff ? place + 1 : place;
}
