// Signs that say what they say by their shape as well as by their colour, as those of the report.

import { svg } from '../dom.js';

const stroke = (d) => ['path', { class: 'stroke', d }];
const SHAPES = {
  good: [['circle', { cx: 12, cy: 12, r: 11 }], stroke('M6.5 12.5l3.5 3.5 7.5-8')],
  bad: [['path', { d: 'M7.5 1h9L23 7.5v9L16.5 23h-9L1 16.5v-9z' }], stroke('M8 8l8 8M16 8l-8 8')],
  unknown: [['path', { d: 'M12 0l12 12-12 12L0 12z' }], stroke('M9 9.5c0-4 6-4 6-.5 0 2.3-3 2.2-3 5M12 17v.5')],
  neutral: [['circle', { class: 'ring', cx: 12, cy: 12, r: 9.5 }]],
  warning: [['path', { d: 'M12 1l11.5 21H.5z' }], stroke('M12 9v6M12 18v.5')],
  busy: [
    ['circle', { class: 'ring', cx: 12, cy: 12, r: 9.5 }],
    ['path', { d: 'M12 5a7 7 0 0 1 0 14z' }],
  ],
  waits: [
    ['circle', { class: 'ring', cx: 12, cy: 12, r: 9.5 }],
    ['path', { class: 'line', d: 'M12 6.5v6l4 2.5' }],
  ],
  stopped: [
    ['circle', { class: 'ring', cx: 12, cy: 12, r: 9.5 }],
    ['path', { class: 'line', d: 'M7.5 12h9' }],
  ],
};

/**
 * A sign. It is hidden from screen readers: the words beside it say the same.
 * @param {keyof SHAPES} kind
 */
export function sign(kind) {
  const shapes = SHAPES[kind].map(([tag, facts]) => svg(tag, facts));
  return svg('svg', { class: `sign ${kind}`, viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' }, shapes);
}
