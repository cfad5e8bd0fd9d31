// Where the reader is: the part of the address behind `#`.

/**
 * @typedef {{path: string[], query: URLSearchParams}} Route
 */

/**
 * @param {string} hash such as `#/jobs/j-1/drops?stage=near`
 * @returns {Route}
 */
export function parse(hash) {
  const [path, query = ''] = hash.replace(/^#?\/?/, '').split(/\?(.*)/s);
  const decoded = path.split('/').filter(Boolean).map(decode);
  return { path: decoded, query: new URLSearchParams(query) };
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * The address of a place.
 * @param {string[]} path
 * @param {Record<string, string | number | null | undefined>} query empty ones are left out
 */
export function href(path, query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const search = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${search ? `?${search}` : ''}`;
}

/** Goes there. */
export function go(path, query = {}) {
  location.hash = href(path, query);
}

/** Changes the address without a step in the history, for what a reader types. */
export function replace(path, query = {}) {
  history.replaceState(null, '', href(path, query));
}
