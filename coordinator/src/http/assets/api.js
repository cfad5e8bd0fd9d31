// Calls of the coordinator.

const ROOT = '/api/v1';

/** A call that failed; `status` 0: nobody answered. */
export class ApiError extends Error {
  constructor(status, error) {
    super(error.message);
    this.name = 'ApiError';
    this.status = status;
    this.class = error.class;
    this.hint = error.hint ?? null;
    this.retryable = error.retryable ?? false;
  }
}

/** What is called when a call needs a token that it does not have. */
let whenUnknown = () => {};

/** @param {() => void} handler */
export function onUnknownCaller(handler) {
  whenUnknown = handler;
}

/** The address of a call, its parts escaped. */
export function url(parts, query = {}) {
  const pairs = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '');
  const search = new URLSearchParams(pairs.map(([name, value]) => [name, String(value)])).toString();
  return `${ROOT}/${parts.map(encodeURIComponent).join('/')}${search ? `?${search}` : ''}`;
}

async function call(method, address, body, signal) {
  const headers = method === 'GET' ? {} : { 'x-tamis': '1' };
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response;
  try {
    response = await fetch(address, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      credentials: 'same-origin',
      cache: 'no-store',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, { class: 'unavailable', message: 'the coordinator does not answer', retryable: true });
  }
  if (response.ok) {
    const text = await response.text();
    return text === '' ? null : JSON.parse(text);
  }
  const told = await response.json().catch(() => null);
  if (response.status === 401 && !address.endsWith('/session')) whenUnknown();
  throw new ApiError(response.status, told?.error ?? { class: 'internal', message: `${response.status} ${response.statusText}` });
}

/**
 * @param {string[]} parts of the path
 * @param {Record<string, unknown>} query
 * @param {AbortSignal} signal
 */
export function get(parts, query, signal) {
  return call('GET', url(parts, query), undefined, signal);
}

/** @param {string[]} parts of the path */
export function post(parts, body, signal) {
  return call('POST', url(parts), body, signal);
}

/** Who calls. */
export function me(signal) {
  return get(['me'], {}, signal);
}

export function signIn(token) {
  return post(['session'], { token });
}

export function signOut() {
  return call('DELETE', url(['session']));
}
