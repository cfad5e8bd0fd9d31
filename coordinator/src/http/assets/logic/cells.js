// The grid of shards: where each stands, and how keys move in it.

/** Letters of `tasks/PHASE` in the order in which they are told. */
export const LETTERS = ['C', 'R', '.', 'H', 'Q'];

/** The name of the state of a letter, as `TaskStatus.state` has it. */
export const STATE_OF = { '.': 'ready', H: 'held', R: 'running', C: 'committed', Q: 'quarantined' };

/**
 * Cells as large as fit: at most `MOST` pixels wide, in no more than `height` unless they would be too small to hit.
 * @param {number} total
 * @param {number} width pixels
 * @param {number} height pixels
 */
export function layout(total, width, height) {
  const [least, most] = [6, 22];
  let size = most;
  while (size > least && Math.ceil(total / Math.max(1, Math.floor(width / size))) * size > height) size--;
  const columns = Math.max(1, Math.min(total, Math.floor(width / size)));
  const rows = Math.ceil(total / columns);
  return { size, gap: size > 8 ? 2 : 1, columns, rows, width: columns * size, height: rows * size };
}

/**
 * The shard at a point; -1: none.
 * @param {{size: number, columns: number}} grid
 */
export function at(grid, total, x, y) {
  const column = Math.floor(x / grid.size);
  if (column < 0 || column >= grid.columns || y < 0) return -1;
  const shard = Math.floor(y / grid.size) * grid.columns + column;
  return shard < total ? shard : -1;
}

/**
 * Where a key leads from a shard; -1: it is no key of the grid.
 * @param {string} key `KeyboardEvent.key`
 */
export function step(key, shard, columns, total) {
  const steps = {
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: columns,
    ArrowUp: -columns,
    PageDown: 10 * columns,
    PageUp: -10 * columns,
  };
  if (key === 'Home') return 0;
  if (key === 'End') return total - 1;
  if (!(key in steps)) return -1;
  const next = shard + steps[key];
  return Math.max(0, Math.min(total - 1, next));
}

/** How many shards are in each state. */
export function counts(states) {
  const found = { '.': 0, H: 0, R: 0, C: 0, Q: 0 };
  for (const letter of states) if (letter in found) found[letter]++;
  return found;
}

/** The next shard, after `shard` and around, that is quarantined or has failed attempts; -1: none. */
export function nextTrouble(states, failed, shard) {
  for (let step = 1; step <= states.length; step++) {
    const place = (shard + step) % states.length;
    if (states[place] === 'Q' || failed[place]) return place;
  }
  return -1;
}
