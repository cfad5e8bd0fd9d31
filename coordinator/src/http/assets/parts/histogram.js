// Columns side by side; the highest fills the height.

import { svg } from '../dom.js';

const [WIDTH, HEIGHT] = [240, 60];

/**
 * @param {string} label
 * @param {{name: string, amount: number}[]} columns
 * @param {string} first under the first column
 * @param {string} last under the last one
 */
export function histogram(label, columns, first, last) {
  const most = Math.max(1, ...columns.map((column) => column.amount));
  const step = WIDTH / Math.max(1, columns.length);
  const bars = columns.flatMap(({ name, amount }, place) => {
    if (amount === 0) return [];
    const height = Math.max(1, (HEIGHT * amount) / most);
    const facts = { class: 'column', x: place * step, y: HEIGHT - height, width: Math.max(0.5, step - 1), height };
    return svg('rect', facts, svg('title', null, name));
  });
  return svg(
    'svg',
    { class: 'histogram', viewBox: `0 0 ${WIDTH} 78`, role: 'img', 'aria-label': label },
    svg('path', { class: 'rule', d: `M0 60.5H${WIDTH}` }),
    bars,
    svg('text', { x: 0, y: 74 }, first),
    svg('text', { x: WIDTH, y: 74, 'text-anchor': 'end' }, last),
  );
}
