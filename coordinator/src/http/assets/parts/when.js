// Times: how long ago, with the exact time beside it for who asks.

import { attribute, h, setText } from '../dom.js';
import * as format from '../format.js';

/** A time that says how long ago it is; `update` as time goes by. */
export function when(atMs = 0) {
  const el = h('time');
  const update = (next) => {
    if (!next) {
      setText(el, format.NONE);
      return;
    }
    attribute(el, 'datetime', new Date(next).toISOString());
    attribute(el, 'title', format.time(next));
    setText(el, format.ago(next));
  };
  update(atMs);
  return { el, update };
}
