import assert from 'node:assert/strict';
import test from 'node:test';
import { diff, tokens } from '../../coordinator/src/http/assets/logic/diff.js';

const marked = (pieces) => pieces.map(({ text, changed }) => (changed ? `[${text}]` : text)).join('');
const joined = (pieces) => pieces.map((piece) => piece.text).join('');
const same = (pieces) =>
  pieces
    .filter((piece) => !piece.changed)
    .map((piece) => piece.text)
    .join('');

/** The same numbers on every run. */
function numbers(seed) {
  let state = seed;
  return () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0), state / 2 ** 32);
}

test('words of English are compared as words, characters of Chinese as characters', () => {
  const english = diff('The cat sat on the mat.', 'The dog sat on a mat.');
  assert.equal(marked(english.a), 'The [cat] sat on [the] mat.');
  assert.equal(marked(english.b), 'The [dog] sat on [a] mat.');
  assert.equal(english.changes, 2);
  const chinese = diff('公司聘任孟昭华为代表', '公司聘任李昭华为代表。');
  assert.equal(marked(chinese.a), '公司聘任[孟]昭华为代表');
  assert.equal(marked(chinese.b), '公司聘任[李]昭华为代表[。]');
});

test('equal texts have no change, and one text against none is one', () => {
  assert.deepEqual(diff('a b', 'a b'), {
    a: [{ text: 'a b', changed: false }],
    b: [{ text: 'a b', changed: false }],
    changes: 0,
    coarse: false,
  });
  const all = diff('', 'a b');
  assert.equal(marked(all.b), '[a b]');
  assert.equal(all.changes, 1);
  assert.deepEqual(diff('', ''), { a: [], b: [], changes: 0, coarse: false });
});

test('tokens join to the text', () => {
  for (const text of ['a1 b\n\n中文c，ひら', '𠀀x👩‍👩‍👧 é', ' '.repeat(50), 'x'.repeat(100)])
    assert.equal(tokens(text).join(''), text);
  assert.equal(tokens('x'.repeat(100)).length, 100);
});

test('a space between two changes belongs to them', () => {
  assert.equal(marked(diff('one old way here', 'one new path here').a), 'one [old way] here');
});

test('the pieces of random texts join to them, and what is equal is equal on both sides', () => {
  const random = numbers(7);
  const words = ['a', 'b', 'c', '中', '文', ' ', '\n', '.'];
  for (let round = 0; round < 300; round++) {
    const make = () =>
      Array.from({ length: Math.floor(random() * 40) }, () => words[Math.floor(random() * words.length)]).join('');
    const [a, b] = [make(), make()];
    const found = diff(a, b);
    assert.equal(joined(found.a), a);
    assert.equal(joined(found.b), b);
    assert.equal(same(found.a), same(found.b));
    assert.equal(found.coarse, false);
  }
});

test('the fewest edits are found', () => {
  const random = numbers(11);
  for (let round = 0; round < 60; round++) {
    const make = () => Array.from({ length: Math.floor(random() * 12) }, () => '中文字'[Math.floor(random() * 3)]).join('');
    const [a, b] = [make(), make()];
    assert.equal(same(diff(a, b).a).length, longestCommon(a, b));
  }
});

function longestCommon(a, b) {
  const table = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0));
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      table[i][j] = a[i - 1] === b[j - 1] ? table[i - 1][j - 1] + 1 : Math.max(table[i - 1][j], table[i][j - 1]);
    }
  }
  return table[a.length][b.length];
}

test('long texts with few differences show them', () => {
  const random = numbers(3);
  const words = Array.from({ length: 40_000 }, () => Math.floor(random() * 5_000).toString(36));
  const other = [...words];
  for (const place of [5, 9_000, 20_000, 39_990]) other[place] = 'CHANGED';
  other.splice(30_000, 200);
  const found = diff(words.join(' '), other.join(' '));
  assert.equal(joined(found.a), words.join(' '));
  assert.equal(joined(found.b), other.join(' '));
  assert.equal(found.coarse, false);
  assert.ok(found.changes <= 6, `${found.changes} changes`);
});

test('texts that have nothing in common are given up, not compared for ever', () => {
  const random = numbers(5);
  const make = (alphabet) => Array.from({ length: 200_000 }, () => alphabet[Math.floor(random() * alphabet.length)]).join('');
  const found = diff(make('天地玄黄宇宙洪荒'), make('天地玄黄日月盈昃'));
  assert.equal(found.coarse, true);
  assert.equal(same(found.a), same(found.b));
});
