// The spec as the coordinator took it.

import * as api from '../../api.js';
import { h, setChildren } from '../../dom.js';
import { problemText } from '../../parts/dialog.js';
import { t } from '../../text.js';
import { submitWith } from '../submit.js';

export function specTab(shared) {
  const body = h('div', null, h('p', { class: 'soft' }, t('loading')));
  api.get(['jobs', shared.job().job_id, 'spec'], {}, shared.signal).then(
    (spec) => {
      const text = JSON.stringify(spec, null, 2);
      const again = h('button', { type: 'button', class: 'quiet', on: { click: () => submitWith(text) } }, t('spec.again'));
      setChildren(
        body,
        h('p', { class: 'lead' }, t('spec.lead')),
        shared.can('submit') && h('p', null, again),
        h('pre', { class: 'spec', tabindex: 0, 'aria-label': t('tab.spec') }, text),
      );
    },
    (error) => error.name !== 'AbortError' && setChildren(body, h('p', { class: 'problem' }, problemText(error))),
  );
  return { el: body };
}
