// Shards as a grid on a canvas: a cell a shard, coloured by its state. To keys and screen readers it is a slider over the
// shards, which tells the state of the one it stands on.

import { attribute, h } from '../dom.js';
import * as format from '../format.js';
import { STATE_OF, at, layout, step } from '../logic/cells.js';
import { t } from '../text.js';

/** How high the grid grows before its cells get smaller, pixels. */
const HEIGHT = 420;
/** Shades by letter: the custom properties of the style sheet that hold them. */
const SHADES = { C: '--cell-done', R: '--cell-running', '.': '--cell-ready', H: '--cell-held', Q: '--cell-bad' };

/**
 * @param {(shard: number) => void} onPick
 */
export function shardGrid(onPick) {
  const canvas = h('canvas', {
    class: 'grid',
    tabindex: 0,
    role: 'slider',
    'aria-label': t('shards.grid'),
    'aria-valuemin': 0,
    'aria-orientation': 'horizontal',
  });
  const el = h('div', { class: 'grid-box' }, canvas);
  let states = '';
  let failed = {};
  let grid = null;
  let picked = -1;
  let shades = null;
  let frame = 0;
  let drawnStates = '';

  const lookUp = () => {
    const probe = h('i');
    el.append(probe);
    // A property that depends on the theme is a colour only where it is used.
    const of = (name) => {
      probe.style.color = `var(${name})`;
      return getComputedStyle(probe).color;
    };
    shades = Object.fromEntries(Object.entries(SHADES).map(([letter, name]) => [letter, of(name)]));
    shades.failed = of('--cell-failed');
    shades.ring = of('--fg');
    shades.back = of('--bg');
    probe.remove();
  };

  const place = () => {
    const width = Math.max(200, Math.floor(el.getBoundingClientRect().width));
    grid = layout(Math.max(1, states.length), width, HEIGHT);
    const ratio = Math.min(2, window.devicePixelRatio || 1);
    canvas.width = grid.width * ratio;
    canvas.height = grid.height * ratio;
    canvas.style.width = `${grid.width}px`;
    canvas.style.height = `${grid.height}px`;
    canvas.getContext('2d').setTransform(ratio, 0, 0, ratio, 0, 0);
    drawnStates = '';
  };

  const cell = (pen, shard) => {
    const { size, gap, columns } = grid;
    const [x, y] = [(shard % columns) * size, Math.floor(shard / columns) * size];
    const letter = states[shard];
    pen.clearRect(x, y, size, size);
    pen.fillStyle = shades[letter] ?? shades['.'];
    pen.fillRect(x, y, size - gap, size - gap);
    // A corner says that attempts failed, a stroke that the shard is given up: not by colour alone.
    if (letter === 'Q') {
      pen.strokeStyle = shades.back;
      pen.lineWidth = Math.max(1, size / 8);
      pen.beginPath();
      pen.moveTo(x + size * 0.2, y + size * 0.2);
      pen.lineTo(x + size * 0.65, y + size * 0.65);
      pen.stroke();
    } else if (failed[shard]) {
      const edge = size > 8 ? Math.round(size * 0.5) : size - gap;
      pen.fillStyle = shades.failed;
      pen.beginPath();
      pen.moveTo(x + size - gap - edge, y);
      pen.lineTo(x + size - gap, y);
      pen.lineTo(x + size - gap, y + edge);
      pen.fill();
    }
  };

  let drawnFailed = {};
  let drawnPick = -1;
  const draw = () => {
    frame = 0;
    if (!states) return;
    if (!shades) lookUp();
    if (!grid || drawnStates.length !== states.length) place();
    const pen = canvas.getContext('2d');
    // A new update changes few of many cells.
    for (let shard = 0; shard < states.length; shard++) {
      const same = drawnStates[shard] === states[shard] && drawnFailed[shard] === failed[shard];
      if (!same || shard === drawnPick) cell(pen, shard);
    }
    if (picked >= 0) {
      const { size, gap, columns } = grid;
      const [x, y] = [(picked % columns) * size, Math.floor(picked / columns) * size];
      pen.strokeStyle = shades.ring;
      pen.lineWidth = size > 8 ? 2 : 1;
      const inset = pen.lineWidth / 2;
      pen.strokeRect(x + inset, y + inset, size - gap - 2 * inset, size - gap - 2 * inset);
    }
    [drawnStates, drawnFailed, drawnPick] = [states, failed, picked];
  };
  const redraw = () => {
    if (!frame) frame = requestAnimationFrame(draw);
  };

  const tell = () => {
    attribute(canvas, 'aria-valuemax', Math.max(0, states.length - 1));
    attribute(canvas, 'aria-valuenow', Math.max(0, picked));
    const shard = Math.max(0, picked);
    attribute(canvas, 'aria-valuetext', states ? cellWords(shard, states[shard], failed[shard]) : t('shards.none'));
  };

  const pick = (shard) => {
    if (shard < 0 || shard >= states.length) return;
    picked = shard;
    tell();
    redraw();
    onPick(shard);
  };

  canvas.addEventListener('pointerdown', (event) => {
    const box = canvas.getBoundingClientRect();
    if (grid) pick(at(grid, states.length, event.clientX - box.left, event.clientY - box.top));
  });
  canvas.addEventListener('pointermove', (event) => {
    const box = canvas.getBoundingClientRect();
    const shard = grid ? at(grid, states.length, event.clientX - box.left, event.clientY - box.top) : -1;
    attribute(canvas, 'title', shard >= 0 ? cellWords(shard, states[shard], failed[shard]) : null);
  });
  canvas.addEventListener('keydown', (event) => {
    if (!grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const next = step(event.key, Math.max(0, picked), grid.columns, states.length);
    if (next < 0) return;
    event.preventDefault();
    pick(picked < 0 ? 0 : next);
  });
  canvas.addEventListener('focus', () => picked < 0 && pick(0));

  const again = () => {
    grid = null;
    shades = null;
    redraw();
  };
  let lastWidth = 0;
  const watcher = new ResizeObserver(([entry]) => {
    if (Math.floor(entry.contentRect.width) === lastWidth) return;
    lastWidth = Math.floor(entry.contentRect.width);
    again();
  });
  watcher.observe(el);
  document.addEventListener('tamis:theme', again);

  return {
    el,
    canvas,
    pick,
    picked: () => picked,
    /** @param {{states: string, failed: Record<string, number>}} tasks */
    update(tasks) {
      [states, failed] = [tasks.states, tasks.failed];
      if (picked >= states.length) picked = -1;
      tell();
      redraw();
    },
    destroy() {
      watcher.disconnect();
      cancelAnimationFrame(frame);
      document.removeEventListener('tamis:theme', again);
    },
  };
}

/** What a cell says. */
export function cellWords(shard, letter, failedAttempts) {
  const state = t(`task.${STATE_OF[letter] ?? 'ready'}`);
  const words = t('shards.cell', { shard: format.count(shard), state });
  return failedAttempts ? `${words}, ${t('attempts-failed', { n: failedAttempts })}` : words;
}
