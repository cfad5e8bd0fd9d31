import assert from 'node:assert/strict';
import test from 'node:test';
import * as format from '../../coordinator/src/http/assets/format.js';
import { bucket, marks, stretches, thinned } from '../../coordinator/src/http/assets/logic/scale.js';
import { setLanguage } from '../../coordinator/src/http/assets/text.js';

const plain = (text) => text.replaceAll('\u00a0', ' ');

test('sizes and rates', () => {
  setLanguage('en');
  assert.deepEqual(
    [0, 999, 1_000, 12_345, 999_949, 999_950, 2.5e9, 3e18].map((size) => plain(format.bytes(size))),
    ['0 B', '999 B', '1 kB', '12.3 kB', '1 MB', '1 MB', '2.5 GB', '3,000 PB'],
  );
  assert.equal(plain(format.rate(12_345_678)), '12.3 MB/s');
  assert.equal(format.rate(0), '–');
  assert.equal(format.count(null), '–');
  assert.equal(format.count(1_234_567), '1,234,567');
});

test('shares: what is little is not nothing, what is nearly all not all', () => {
  setLanguage('en');
  assert.deepEqual([0, 0.000_01, 0.0004, 0.0251, 0.5, 0.999_99, 1].map(format.share), [
    '0%',
    '<0.01%',
    '0.04%',
    '2.5%',
    '50%',
    '99.99%',
    '100%',
  ]);
  assert.equal(format.progress(0.9999), '99%');
});

test('spans of time in two units at most', () => {
  setLanguage('en');
  assert.deepEqual(
    [0, 0.4, 59, 60, 61, 754, 3_600, 7_265, 90_000].map((span) => plain(format.duration(span))),
    ['0s', '0s', '59s', '1m', '1m 1s', '12m', '1h', '2h 1m', '1d 1h'],
  );
  setLanguage('zh');
  assert.equal(plain(format.duration(61)), '1分钟 1秒');
  assert.equal(format.ago(0, 61_000), '1分钟前');
  setLanguage('en');
});

test('marks of a scale are round and reach the highest value', () => {
  assert.deepEqual(marks(9), [0, 2.5, 5, 7.5, 10]);
  assert.deepEqual(marks(0), [0, 1]);
  for (const highest of [1e-9, 0.3, 1, 7, 99, 101, 123_456, 3e14]) {
    const found = marks(highest);
    assert.ok(found.at(-1) >= highest && found.length <= 6, `${highest}: ${found}`);
  }
});

test('a list is thinned evenly, a line cut at gaps, a bucket told by what it holds', () => {
  assert.deepEqual(thinned([0, 1, 2, 3, 4, 5, 6, 7, 8], 3), [0, 4, 8]);
  assert.deepEqual(thinned([1, 2], 3), [1, 2]);
  assert.deepEqual(
    stretches(
      [
        [0, 1],
        [1, 2],
        [9, 3],
      ],
      5,
    ).map((one) => one.length),
    [2, 1],
  );
  assert.deepEqual([0, 1, 2, 11].map(bucket), [
    [0, 0],
    [1, 1],
    [2, 3],
    [1_024, 2_047],
  ]);
});
