// Scales of plots.

/**
 * Round marks from 0 to at least the highest value.
 * @param {number} highest
 * @param {number} most marks beside 0
 */
export function marks(highest, most = 4) {
  if (!(highest > 0)) return [0, 1];
  const rough = highest / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? rough;
  const found = [0];
  while (found.at(-1) < highest) found.push(Number((found.length * step).toPrecision(12)));
  return found;
}

/**
 * At most `most` of a list, evenly, its first and last among them.
 * @template T
 * @param {T[]} list
 * @returns {T[]}
 */
export function thinned(list, most) {
  if (list.length <= most) return list;
  return Array.from({ length: most }, (_, place) => list[Math.round((place * (list.length - 1)) / (most - 1))]);
}

/**
 * Cuts a line where more than `gap` lies between two points: nothing is known there.
 * @param {[number, number][]} points
 */
export function stretches(points, gap) {
  const found = [];
  points.forEach((point, place) => {
    if (place === 0 || point[0] - points[place - 1][0] > gap) found.push([]);
    found.at(-1).push(point);
  });
  return found;
}

/**
 * The sizes that bucket `place` of a histogram by powers of two holds: `2^(place-1)..2^place`, 0 in the first.
 * @returns {[number, number]}
 */
export function bucket(place) {
  return place === 0 ? [0, 0] : [2 ** (place - 1), 2 ** place - 1];
}
