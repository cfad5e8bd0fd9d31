// Lines over time.

import { attribute, h, setChildren, setText, svg } from '../dom.js';
import * as format from '../format.js';
import { marks, stretches, thinned } from '../logic/scale.js';
import { t } from '../text.js';
import { row, table } from './table.js';
import { key } from './waterfall.js';

const EDGE = { top: 10, right: 12, bottom: 24, left: 64 };
/** Rows of the table that says the same. */
const ROWS = 40;

/**
 * @typedef {{name: string, class: string, points: [number, number][]}} Series times in milliseconds since the Unix epoch
 * @param {{label: string, height?: number, value: (y: number) => string, moment: (x: number) => string, isStepped?: boolean,
 *   gapMs?: number}} facts `gapMs`: beyond it a line is cut
 */
export function plot({ label, height = 190, value, moment, isStepped = false, gapMs = Infinity }) {
  const drawing = svg('svg', { class: 'plot', role: 'img', 'aria-label': label, height, width: '100%' });
  const legend = h('p', { class: 'legend' });
  const readout = h('p', { class: 'readout' });
  const more = h('details', null, h('summary', null, t('plot.table')));
  const el = h('figure', { class: 'plot-box' }, h('figcaption', { class: 'plot-head' }, legend, readout), drawing, more);
  let series = [];
  let drawn = null;

  const draw = () => {
    const width = Math.max(240, Math.floor(drawing.getBoundingClientRect().width) || 480);
    const points = series.flatMap((one) => one.points);
    if (points.length === 0) {
      drawing.replaceChildren(svg('text', { x: width / 2, y: height / 2, 'text-anchor': 'middle' }, t('plot.nothing')));
      drawn = null;
      return;
    }
    const [first, last] = [Math.min(...points.map(([x]) => x)), Math.max(...points.map(([x]) => x))];
    const ticks = marks(Math.max(...points.map(([, y]) => y)));
    const span = Math.max(1, last - first);
    const x = (at) => EDGE.left + ((at - first) / span) * (width - EDGE.left - EDGE.right);
    const y = (of) => height - EDGE.bottom - (of / ticks.at(-1)) * (height - EDGE.top - EDGE.bottom);
    const lines = ticks.map((tick) => [
      svg('path', { class: 'rule', d: `M${EDGE.left} ${y(tick)}H${width - EDGE.right}` }),
      svg('text', { x: EDGE.left - 8, y: y(tick) + 4, 'text-anchor': 'end' }, tick === 0 ? '0' : value(tick)),
    ]);
    const times =
      span <= 1
        ? [[first, 'start']]
        : [
            [first, 'start'],
            [first + span / 2, 'middle'],
            [last, 'end'],
          ];
    const words = times.map(([at, anchor]) => svg('text', { x: x(at), y: height - 6, 'text-anchor': anchor }, moment(at)));
    const paths = series.flatMap((one) => shape(one, x, y, isStepped, gapMs));
    const cross = svg('path', { class: 'cross' });
    drawing.replaceChildren(...lines.flat(), ...words, ...paths, cross);
    drawn = { x, first, span, width, cross };
  };

  const point = (event) => {
    if (!drawn) return;
    const left = event.clientX - drawing.getBoundingClientRect().left;
    const near = series.flatMap((one) => {
      const found = nearest(one.points, left, drawn.x);
      return found ? [{ one, found }] : [];
    });
    if (near.length === 0) return;
    const best = near.reduce((a, b) => (Math.abs(drawn.x(a.found[0]) - left) <= Math.abs(drawn.x(b.found[0]) - left) ? a : b));
    attribute(drawn.cross, 'd', `M${drawn.x(best.found[0])} ${EDGE.top}V${height - EDGE.bottom}`);
    setText(readout, `${moment(best.found[0])}: ${series.length > 1 ? `${best.one.name} ` : ''}${value(best.found[1])}`);
  };
  const leave = () => {
    drawn?.cross.removeAttribute('d');
    setText(readout, summary(series, value));
  };
  drawing.addEventListener('pointermove', point);
  drawing.addEventListener('pointerleave', leave);
  more.addEventListener('toggle', () => more.open && fill());
  new ResizeObserver(draw).observe(drawing);

  const fill = () => {
    const heads = [{ text: t('plot.time') }, { text: t('plot.what') }, { text: t('plot.value'), kind: 'number' }];
    const made = table(label, heads, '');
    const all = series.flatMap((one) => one.points.map((found) => ({ one, found }))).sort((a, b) => a.found[0] - b.found[0]);
    made.body.append(
      ...thinned(all, ROWS).map(({ one, found }) => row(heads, [format.time(found[0]), one.name, value(found[1])])),
    );
    setChildren(more, h('summary', null, t('plot.table')), made.el);
  };

  return {
    el,
    /** @param {Series[]} next */
    update(next) {
      series = next.filter((one) => one.points.length > 0);
      setChildren(legend, series.length > 1 ? series.map((one) => key(one.class, one.name)) : null);
      const words = summary(series, value);
      setText(readout, words);
      attribute(drawing, 'aria-label', `${label}. ${words}`);
      draw();
      if (more.open) fill();
    },
  };
}

function shape(one, x, y, isStepped, gapMs) {
  const floor = y(0);
  return stretches(one.points, gapMs).flatMap((points) => {
    if (points.length === 1) return svg('circle', { class: `dot ${one.class}`, cx: x(points[0][0]), cy: y(points[0][1]), r: 3 });
    const corners = points.map(([at, of], place) => {
      const [px, py] = [x(at).toFixed(1), y(of).toFixed(1)];
      if (place === 0) return `M${px} ${py}`;
      return isStepped ? `H${px}V${py}` : `L${px} ${py}`;
    });
    const line = corners.join('');
    const area = `${line}V${floor}H${x(points[0][0]).toFixed(1)}Z`;
    return [svg('path', { class: `area ${one.class}`, d: area }), svg('path', { class: `line ${one.class}`, d: line })];
  });
}

function nearest(points, left, x) {
  return points.reduce(
    (best, found) => (best && Math.abs(x(best[0]) - left) <= Math.abs(x(found[0]) - left) ? best : found),
    null,
  );
}

function summary(series, value) {
  const last = series.at(-1)?.points.at(-1);
  if (!last) return '';
  const highest = Math.max(...series.flatMap((one) => one.points.map(([, y]) => y)));
  return t('plot.summary', { last: value(last[1]), highest: value(highest) });
}
