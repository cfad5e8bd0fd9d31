// The files that a job wrote.

import * as api from '../../api.js';
import { h, setChildren } from '../../dom.js';
import * as format from '../../format.js';
import { problemText } from '../../parts/dialog.js';
import { empty, section } from '../../parts/section.js';
import { row, table } from '../../parts/table.js';
import { tiles } from '../../parts/tiles.js';
import { t } from '../../text.js';

/** Files of a folder that are listed at first. */
const LISTED = 50;

export function filesTab(shared) {
  const body = h('div');
  const load = async () => {
    const job = shared.job();
    if (job.state !== 'published') {
      setChildren(body, empty(t('files.when-published')));
      return;
    }
    setChildren(body, h('p', { class: 'soft' }, t('loading')));
    try {
      const { files } = await api.get(['jobs', job.job_id, 'output'], {}, shared.signal);
      show(body, job, files);
    } catch (error) {
      if (error.name !== 'AbortError') setChildren(body, h('p', { class: 'problem' }, problemText(error)));
    }
  };
  load();
  return { el: body, onEnded: load };
}

function show(body, job, files) {
  const folders = new Map();
  for (const file of files) {
    const folder = file.path.includes('/') ? file.path.slice(0, file.path.lastIndexOf('/') + 1) : '';
    if (!folders.has(folder)) folders.set(folder, []);
    folders.get(folder).push(file);
  }
  const size = (list) => list.reduce((sum, file) => sum + file.bytes, 0);
  const figures = tiles([
    { id: 'files', label: t('files.files') },
    { id: 'bytes', label: t('files.bytes') },
  ]);
  figures.set('files', format.count(files.length));
  figures.set('bytes', format.bytes(size(files)));
  setChildren(
    body,
    h('p', { class: 'lead' }, t('files.lead'), ' ', h('code', null, job.output_uri)),
    figures.el,
    // Those beside the folders come first: people read them.
    [...folders]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([folder, list], place) =>
        section(
          `folder-${place}`,
          folder || t('files.top'),
          t('files.sum', { n: list.length, size: format.bytes(size(list)) }),
          folderTable(job.job_id, folder, list),
        ),
      ),
  );
}

function folderTable(jobId, folder, list) {
  const heads = [
    { text: t('files.path') },
    { text: t('indexes.size'), kind: 'number' },
    { text: t('files.digest'), minor: true },
  ];
  const made = table(folder || t('files.top'), heads, 'files');
  const fill = (most) =>
    setChildren(
      made.body,
      list.slice(0, most).map((file) => {
        const address = api.url(['jobs', jobId, 'output', ...file.path.split('/')]);
        return row(heads, [
          h('a', { href: address, download: file.path.split('/').at(-1) }, file.path.slice(folder.length)),
          format.bytes(file.bytes),
          file.sha256 ? h('code', { class: 'digest', title: file.sha256 }, file.sha256.slice(0, 16)) : format.NONE,
        ]);
      }),
    );
  fill(LISTED);
  const more = h(
    'button',
    { type: 'button', class: 'quiet', on: { click: () => (fill(Infinity), more.remove()) } },
    t('files.more', { n: list.length - LISTED }),
  );
  return h('div', null, made.el, list.length > LISTED && more);
}
