// Bars.

import { attribute, h } from '../dom.js';

/**
 * A bar of pieces from the left, each with a class. Screen readers pass over it unless it has a label: the figures stand
 * beside it.
 * @param {string[]} classes of the pieces
 */
export function bar(classes, facts = {}) {
  const pieces = classes.map((name) => h('i', { class: name }));
  const el = h('div', { class: 'bar', 'aria-hidden': facts.role ? null : 'true', ...facts }, pieces);
  /** @param {number[]} lengths parts of 1 */
  const set = (lengths) => {
    pieces.forEach((piece, place) => {
      const part = Math.max(0, Math.min(1, lengths[place] || 0));
      const width = `${(100 * part).toFixed(2)}%`;
      if (piece.style.width !== width) piece.style.width = width;
      piece.classList.toggle('some', part > 0);
    });
  };
  return { el, set };
}

/** A bar that tells its progress to screen readers. */
export function progress(label) {
  const made = bar(['s0'], { role: 'progressbar', 'aria-label': label, 'aria-valuemin': 0, 'aria-valuemax': 100 });
  return {
    el: made.el,
    /** @param {number | null} part null: it cannot be told */
    set(part, words) {
      made.set([part ?? 0]);
      made.el.classList.toggle('endless', part === null);
      attribute(made.el, 'aria-valuenow', part === null ? null : Math.round(100 * part));
      attribute(made.el, 'aria-valuetext', words);
    },
  };
}
