import assert from 'node:assert/strict';
import test from 'node:test';
import { at, counts, layout, nextTrouble, step } from '../../coordinator/src/http/assets/logic/cells.js';

test('every shard has a place within the width, and a point in it leads back', () => {
  for (const total of [1, 7, 312, 20_000]) {
    for (const width of [300, 1_000, 1_600]) {
      const grid = layout(total, width, 420);
      assert.ok(grid.width <= width, `${grid.width} of ${width}`);
      assert.ok(grid.columns * grid.rows >= total);
      for (const shard of [0, Math.floor(total / 2), total - 1]) {
        const [x, y] = [(shard % grid.columns) * grid.size + 1, Math.floor(shard / grid.columns) * grid.size + 1];
        assert.equal(at(grid, total, x, y), shard);
      }
      assert.equal(at(grid, total, -1, 0), -1);
      assert.equal(at(grid, total, 1, grid.height + 1), -1);
    }
  }
});

test('keys move and stay within', () => {
  assert.equal(step('ArrowRight', 5, 10, 95), 6);
  assert.equal(step('ArrowDown', 5, 10, 95), 15);
  assert.equal(step('ArrowDown', 94, 10, 95), 94);
  assert.equal(step('ArrowUp', 5, 10, 95), 0);
  assert.equal(step('PageDown', 0, 3, 95), 30);
  assert.equal(step('End', 5, 10, 95), 94);
  assert.equal(step('Home', 5, 10, 95), 0);
  assert.equal(step('a', 5, 10, 95), -1);
});

test('states are counted and trouble is found, around the end', () => {
  assert.deepEqual(counts('CCRQ.H'), { C: 2, R: 1, Q: 1, '.': 1, H: 1 });
  assert.equal(nextTrouble('CCCQC', {}, -1), 3);
  assert.equal(nextTrouble('CCCQC', { 1: 2 }, 3), 1);
  assert.equal(nextTrouble('CCCCC', {}, 3), -1);
  assert.equal(nextTrouble('', {}, -1), -1);
});
