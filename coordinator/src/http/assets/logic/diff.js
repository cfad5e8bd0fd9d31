// Differences of two texts: words of alphabets, single characters of Chinese and Japanese. The work is bounded.

/** Longer words are compared by characters: nobody sees what differs in a word of a thousand letters. */
const LONGEST_WORD = 40;
/** Steps of comparison in all; some tens of milliseconds. */
const BUDGET = 3_000_000;
/** Edits that one stretch may need; memory is their square. */
const MOST_EDITS = 1_000;
/** Tokens beyond which stretches that stand in both texts once are looked for first. */
const LONG = 4_000;
/** Tokens of such a stretch. */
const ANCHOR = 6;

const IDEOGRAPH = '[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}]';
const TOKEN = new RegExp(`${IDEOGRAPH}|(?:(?!${IDEOGRAPH})[\\p{L}\\p{M}\\p{N}])+|\\s+|[^]`, 'gu');

/**
 * The pieces of a text that are compared; joined they are the text.
 * @param {string} text
 * @returns {string[]}
 */
export function tokens(text) {
  const found = text.match(TOKEN) ?? [];
  if (!found.some((token) => token.length > LONGEST_WORD)) return found;
  return found.flatMap((token) => (token.length > LONGEST_WORD ? Array.from(token) : token));
}

/**
 * @typedef {{text: string, changed: boolean}} Piece
 * @typedef {{a: Piece[], b: Piece[], changes: number, coarse: boolean}} Difference
 */

/**
 * What differs between two texts: the pieces of each in order, the number of places that differ, and whether stretches
 * were given up because they would have taken too long.
 * @param {string} a
 * @param {string} b
 * @returns {Difference}
 */
export function diff(a, b) {
  const [left, right] = [tokens(a), tokens(b)];
  const numbers = new Map();
  const numbered = (/** @type {string[]} */ all) =>
    Int32Array.from(all, (token) => {
      const known = numbers.get(token);
      if (known !== undefined) return known;
      numbers.set(token, numbers.size);
      return numbers.size - 1;
    });
  const compared = new Comparison(numbered(left), numbered(right));
  compared.between(0, left.length, 0, right.length);
  joinOver(left, right, compared);
  const pieces = pair(left, right, compared);
  return { ...pieces, coarse: compared.coarse };
}

/** Marks which tokens of two lists stand in both, in order. */
class Comparison {
  /**
   * @param {Int32Array} a
   * @param {Int32Array} b
   */
  constructor(a, b) {
    this.a = a;
    this.b = b;
    /** For each token of `a`: its place in `b`, or -1. */
    this.partner = new Int32Array(a.length).fill(-1);
    this.left = BUDGET;
    this.coarse = false;
  }

  /** Compares `a[from..to]` with `b[start..end]`. */
  between(from, to, start, end) {
    const { a, b, partner } = this;
    while (from < to && start < end && a[from] === b[start]) partner[from++] = start++;
    while (from < to && start < end && a[to - 1] === b[end - 1]) partner[--to] = --end;
    if (from === to || start === end) return;
    const isLong = to - from + (end - start) > LONG;
    if (!isLong && this.edits(from, to, start, end)) return;
    const anchors = this.anchors(from, to, start, end);
    if (anchors.length === 0) {
      if (!isLong || !this.edits(from, to, start, end)) this.coarse = true;
      return;
    }
    for (const [inA, inB] of anchors) {
      // What was reached from the anchor before may hold this one already.
      if (inA < from || inB < start) continue;
      this.gap(from, inA, start, inB);
      [from, start] = [inA, inB];
      while (from < to && start < end && a[from] === b[start]) partner[from++] = start++;
    }
    this.gap(from, to, start, end);
  }

  /** A stretch between anchors. */
  gap(from, to, start, end) {
    const { a, b, partner } = this;
    while (from < to && start < end && a[from] === b[start]) partner[from++] = start++;
    while (from < to && start < end && a[to - 1] === b[end - 1]) partner[--to] = --end;
    if (from < to && start < end && !this.edits(from, to, start, end)) this.coarse = true;
  }

  /**
   * The fewest edits (E. W. Myers: An O(ND) Difference Algorithm and Its Variations, 1986). False: they are too many.
   */
  edits(from, to, start, end) {
    const { a, b } = this;
    const [n, m] = [to - from, end - start];
    const most = Math.min(n + m, MOST_EDITS);
    const reach = new Int32Array(2 * most + 3);
    const middle = most + 1;
    const trace = [];
    for (let d = 0; d <= most; d++) {
      if (this.left <= 0) return false;
      trace.push(reach.slice(middle - d - 1, middle + d + 2));
      for (let k = -d; k <= d; k += 2) {
        const down = k === -d || (k !== d && reach[middle + k - 1] < reach[middle + k + 1]);
        let x = down ? reach[middle + k + 1] : reach[middle + k - 1] + 1;
        const before = x;
        while (x < n && x - k < m && a[from + x] === b[start + x - k]) x++;
        this.left -= 1 + x - before;
        reach[middle + k] = x;
        if (x >= n && x - k >= m) {
          this.walkBack(trace, from, start, n, m);
          return true;
        }
      }
    }
    return false;
  }

  walkBack(trace, from, start, x, y) {
    for (let d = trace.length - 1; d >= 0; d--) {
      const reach = trace[d];
      const at = (/** @type {number} */ k) => reach[k + d + 1];
      const k = x - y;
      const down = k === -d || (k !== d && at(k - 1) < at(k + 1));
      const formerK = down ? k + 1 : k - 1;
      const formerX = d === 0 ? 0 : at(formerK);
      const formerY = d === 0 ? 0 : formerX - formerK;
      while (x > formerX && y > formerY && x > 0 && y > 0) {
        x--;
        y--;
        this.partner[from + x] = start + y;
      }
      [x, y] = [formerX, formerY];
    }
  }

  /** Where stretches stand that both texts hold once, in an order that is that of both. */
  anchors(from, to, start, end) {
    const inA = once(this.a, from, to);
    const inB = once(this.b, start, end);
    const pairs = [];
    for (const [key, place] of inA) {
      const other = inB.get(key);
      if (place >= 0 && other !== undefined && other >= 0) pairs.push([place, other]);
    }
    pairs.sort((one, other) => one[0] - other[0]);
    return increasing(pairs);
  }
}

/**
 * The stretches of a list by a hash of what they hold, with their place; -1: there are several. Two stretches of one hash by
 * chance do no harm: what an anchor holds is compared again.
 */
function once(list, from, to) {
  const places = new Map();
  for (let place = from; place + ANCHOR <= to; place++) {
    let key = 0;
    for (let i = place; i < place + ANCHOR; i++)
      key = Math.imul(key ^ (key >>> 15), 0x2c1b3c6d) + Math.imul(list[i] + 1, 0x297a2d39);
    key |= 0;
    places.set(key, places.has(key) ? -1 : place);
  }
  return places;
}

/** The longest run of pairs, sorted by the first, whose second grows, too. */
function increasing(pairs) {
  const ends = [];
  const before = new Int32Array(pairs.length);
  pairs.forEach(([, place], i) => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (pairs[ends[middle]][1] < place) low = middle + 1;
      else high = middle;
    }
    before[i] = low > 0 ? ends[low - 1] : -1;
    ends[low] = i;
  });
  const run = [];
  for (let i = ends.at(-1) ?? -1; i >= 0; i = before[i]) run.push(pairs[i]);
  return run.reverse();
}

/** A space or a mark alone between two changes belongs to them: one stretch is easier to see than three. */
function joinOver(left, right, { partner }) {
  for (let i = 1; i < left.length - 1; i++) {
    const at = partner[i];
    if (at < 1 || at >= right.length - 1 || /[\p{L}\p{N}\n]/u.test(left[i])) continue;
    const before = partner[i - 1] !== at - 1;
    const after = partner[i + 1] !== at + 1;
    if (before && after) partner[i] = -1;
  }
}

/** The pieces of both texts. */
function pair(left, right, { partner }) {
  const known = new Uint8Array(right.length);
  for (const place of partner) if (place >= 0) known[place] = 1;
  let changes = 0;
  let [i, j] = [0, 0];
  const a = [];
  const b = [];
  while (i < left.length || j < right.length) {
    const [fromA, fromB] = [i, j];
    while (i < left.length && partner[i] < 0) i++;
    while (j < right.length && !known[j]) j++;
    if (i > fromA) a.push({ text: left.slice(fromA, i).join(''), changed: true });
    if (j > fromB) b.push({ text: right.slice(fromB, j).join(''), changed: true });
    if (i > fromA || j > fromB) changes++;
    const [sameA, sameB] = [i, j];
    while (i < left.length && partner[i] === j) {
      i++;
      j++;
    }
    if (i > sameA) {
      a.push({ text: left.slice(sameA, i).join(''), changed: false });
      b.push({ text: right.slice(sameB, j).join(''), changed: false });
    }
  }
  return { a, b, changes };
}
