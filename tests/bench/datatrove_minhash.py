#!/usr/bin/env python3
"""datatrove's MinHash deduplication of a corpus of make_corpus.py, as its documentation shows it (14 bands of 8 rows).

  datatrove_minhash.py CORPUS OUT
"""
import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter

def main(corpus, out):
    config = MinhashConfig(num_buckets=14, hashes_per_bucket=8)
    reader = JsonlReader(corpus, glob_pattern='part-*.jsonl', text_key='text', id_key='id')

    def run(pipeline, tasks, name):
        # One worker: the tasks run in this process one after the other, and its CPU seconds are theirs.
        LocalPipelineExecutor(pipeline=pipeline, tasks=tasks, workers=1, logging_dir=f'{out}/log-{name}').run()

    run([reader, MinhashDedupSignature(output_folder=f'{out}/sig', config=config)], 8, 'sig')
    run([MinhashDedupBuckets(input_folder=f'{out}/sig', output_folder=f'{out}/buckets', config=config)],
        config.num_buckets, 'buckets')
    run([MinhashDedupCluster(input_folder=f'{out}/buckets', output_folder=f'{out}/remove', config=config)], 1, 'cluster')
    run([reader, MinhashDedupFilter(input_folder=f'{out}/remove'),
         JsonlWriter(f'{out}/kept', compression=None)], 8, 'filter')

if __name__ == '__main__':
    main(*sys.argv[1:])
