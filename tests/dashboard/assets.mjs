// Where the page stands.
export const ASSETS = new URL('../../coordinator/src/http/assets/', import.meta.url);
